// ConfigMap: keys are file names, all data together at most 1 MiB, and `immutable` cannot be taken back.
import type { JsonObject } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { configMaps } from '../resources.ts';
import { ageOf } from './age.ts';
import { column, defineKind } from './define-kind.ts';
import { sameValue } from './equal.ts';
import { Field, rootOf } from './field.ts';
import { configKeyProblems } from './grammar.ts';
import { Problems } from './problems.ts';

/** Kubernetes' limit on the values of one ConfigMap or Secret. */
export const MAX_DATA_BYTES = 1024 * 1024;

export const configMapKind = defineKind({
  resource: configMaps,
  shortNames: ['cm'],
  validateCreate: (object) => validate(object).list,
  validateUpdate,
  columns: [column('Data', { type: 'integer' }), column('Age')],
  row: (object, now) => {
    const root = rootOf(object);
    return [root.child('data').size + root.child('binaryData').size, ageOf(object, now)];
  },
});

function validate(object: JsonObject): Problems {
  const problems = new Problems();
  const root = rootOf(object);
  const data = root.child('data');
  const binary = root.child('binaryData');
  let total = 0;
  for (const { name, field } of data.entries) {
    problems.invalidAll(new Field(field.path, name), configKeyProblems(name));
    if (binary.key(name).present) {
      problems.invalid(field, 'duplicate of key present in binaryData');
    }
    total += Buffer.byteLength(field.text);
  }
  for (const { name, field } of binary.entries) {
    problems.invalidAll(new Field(field.path, name), configKeyProblems(name));
    total += Buffer.byteLength(field.text, 'base64');
  }
  if (total > MAX_DATA_BYTES) problems.tooLong(data, MAX_DATA_BYTES);
  return problems;
}

function validateUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = validate(object);
  checkStaysImmutable(problems, { now: rootOf(object), before: rootOf(old) }, ['data', 'binaryData']);
  return problems.list;
}

/** Once `immutable` is true, neither it nor `members` may change. Shared with Secret. */
export function checkStaysImmutable(
  problems: Problems,
  { now, before }: { readonly now: Field; readonly before: Field },
  members: readonly string[],
): void {
  if (before.child('immutable').flag !== true) return;
  const text = 'field is immutable when `immutable` is set';
  if (now.child('immutable').flag !== true) problems.forbidden(now.child('immutable'), text);
  for (const member of members) {
    if (!sameValue(now.child(member).value, before.child(member).value)) {
      problems.forbidden(now.child(member), text);
    }
  }
}
