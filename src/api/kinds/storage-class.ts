// StorageClass: who provisions volumes of a name and how. Provisioner, parameters, reclaim policy and binding mode
// never change after creation.
import type { JsonObject, JsonValue } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { labelKeyProblems } from '../names.ts';
import { storageClasses } from '../resources.ts';
import { ageOf } from './age.ts';
import { cellText, column, defineKind } from './define-kind.ts';
import { withDefaults } from './edit.ts';
import { sameValue } from './equal.ts';
import { rootOf } from './field.ts';
import { checkParameters } from './parameters-check.ts';
import { Problems } from './problems.ts';
import { checkTopologyTerm } from './selector-check.ts';

const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';
const BETA_DEFAULT_CLASS = 'storageclass.beta.kubernetes.io/is-default-class';

export const storageClassKind = defineKind({
  resource: storageClasses,
  shortNames: ['sc'],
  defaults: (object) => withDefaults(object, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' }),
  validateCreate: (object) => validate(object).list,
  validateUpdate,
  columns: [
    column('Provisioner'),
    column('ReclaimPolicy'),
    column('VolumeBindingMode'),
    column('AllowVolumeExpansion'),
    column('Age'),
  ],
  row,
  nameCell,
});

function validate(object: JsonObject): Problems {
  const problems = new Problems();
  const root = rootOf(object);
  problems.named(root.child('provisioner'), (text) => labelKeyProblems(text.toLowerCase()));
  checkParameters(problems, root.child('parameters'));
  if (root.child('reclaimPolicy').text !== '') {
    problems.oneOf(root.child('reclaimPolicy'), ['Delete', 'Retain']);
  }
  problems.oneOf(root.child('volumeBindingMode'), ['Immediate', 'WaitForFirstConsumer']);
  for (const term of root.child('allowedTopologies').items) checkTopologyTerm(problems, term);
  return problems;
}

function validateUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = validate(object);
  const root = rootOf(object);
  const before = rootOf(old);
  for (const name of ['parameters', 'provisioner', 'reclaimPolicy']) {
    if (!sameValue(root.child(name).value, before.child(name).value)) {
      problems.forbidden(root.child(name), `updates to ${name} are forbidden.`);
    }
  }
  problems.immutable(root.child('volumeBindingMode'), before.child('volumeBindingMode'));
  return problems.list;
}

function row(object: JsonObject, now: number): readonly JsonValue[] {
  const root = rootOf(object);
  return [
    root.child('provisioner').text,
    cellText(root.child('reclaimPolicy').value, 'Delete'),
    cellText(root.child('volumeBindingMode').value, '<unset>'),
    root.child('allowVolumeExpansion').flag ?? false,
    ageOf(object, now),
  ];
}

function nameCell(object: JsonObject): string {
  const metadata = rootOf(object).child('metadata');
  const name = metadata.child('name').text;
  const annotations = metadata.child('annotations');
  const isDefault = [DEFAULT_CLASS, BETA_DEFAULT_CLASS].some((key) => annotations.key(key).text === 'true');
  return isDefault ? `${name} (default)` : name;
}
