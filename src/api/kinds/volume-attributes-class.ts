// VolumeAttributesClass: parameters of a volume that can change while it lives. The class itself never does: another
// set of parameters is another class.
import type { JsonObject } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { labelKeyProblems } from '../names.ts';
import { volumeAttributesClasses } from '../resources.ts';
import { ageOf } from './age.ts';
import { column, defineKind } from './define-kind.ts';
import { sameValue } from './equal.ts';
import { rootOf } from './field.ts';
import { checkParameters } from './parameters-check.ts';
import { Problems } from './problems.ts';

export const volumeAttributesClassKind = defineKind({
  resource: volumeAttributesClasses,
  shortNames: ['vac'],
  validateCreate: (object) => validate(object).list,
  validateUpdate,
  columns: [column('DriverName'), column('Age')],
  row: (object, now) => [rootOf(object).child('driverName').text, ageOf(object, now)],
});

function validate(object: JsonObject): Problems {
  const problems = new Problems();
  const root = rootOf(object);
  problems.named(root.child('driverName'), (text) => labelKeyProblems(text.toLowerCase()));
  const parameters = root.child('parameters');
  if (parameters.size === 0) problems.required(parameters, 'must contain at least one key/value pair');
  checkParameters(problems, parameters);
  return problems;
}

function validateUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = validate(object);
  for (const name of ['driverName', 'parameters']) {
    const now = rootOf(object).child(name);
    if (!sameValue(now.value, rootOf(old).child(name).value)) {
      problems.forbidden(now, `updates to ${name} are forbidden.`);
    }
  }
  return problems.list;
}
