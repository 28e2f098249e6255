// What Kubernetes accepts of a PersistentVolume, new and changed.
import type { JsonObject } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '../names.ts';
import { checkAccessModes } from './access-modes.ts';
import { takeMember, withMember } from './edit.ts';
import { sameValue } from './equal.ts';
import { Field, own, rootOf } from './field.ts';
import { driverNameProblems } from './grammar.ts';
import { Problems } from './problems.ts';
import { checkPositiveQuantity } from './quantity-check.ts';
import { checkNodeSelector } from './selector-check.ts';
import { checkHostPath, checkNfs, checkOneSource, VOLUME_SOURCES } from './volume-sources.ts';

const SECRET_REFS = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeStageSecretRef',
  'nodeExpandSecretRef',
];

export function validateVolume(object: JsonObject): Problems {
  const problems = new Problems();
  const spec = rootOf(object).child('spec');
  checkAccessModes(problems, spec.child('accessModes'), '');
  checkCapacity(problems, spec.child('capacity'));
  if (spec.child('persistentVolumeReclaimPolicy').text !== '') {
    problems.oneOf(spec.child('persistentVolumeReclaimPolicy'), ['Delete', 'Recycle', 'Retain']);
  }
  const affinity = spec.child('nodeAffinity');
  if (affinity.present) {
    const required = affinity.child('required');
    if (!required.present) problems.required(required, 'must specify required node constraints');
    else checkNodeSelector(problems, required);
  }
  checkSource(problems, spec);
  problems.optionallyNamed(spec.child('storageClassName'), dnsSubdomainProblems);
  problems.oneOf(spec.child('volumeMode'), ['Block', 'Filesystem']);
  problems.optionallyNamed(spec.child('volumeAttributesClassName'), dnsSubdomainProblems);
  return problems;
}

function checkCapacity(problems: Problems, capacity: Field): void {
  if (capacity.size === 0) {
    problems.required(capacity);
    return;
  }
  if (!capacity.key('storage').present || capacity.size > 1) problems.notSupported(capacity, ['storage']);
  for (const { field } of capacity.entries) checkPositiveQuantity(problems, field);
}

function checkSource(problems: Problems, spec: Field): void {
  const source = checkOneSource(problems, spec, VOLUME_SOURCES);
  switch (source?.path) {
    case 'spec.csi':
      return checkCsi(problems, source);
    case 'spec.hostPath': {
      checkHostPath(problems, source);
      const recycled = spec.child('persistentVolumeReclaimPolicy').text === 'Recycle';
      if (recycled && /^\/+$/.test(source.child('path').text)) {
        problems.forbidden(
          spec.child('persistentVolumeReclaimPolicy'),
          "may not be 'recycle' for a hostPath mount of '/'",
        );
      }
      return;
    }
    case 'spec.nfs':
      return checkNfs(problems, source);
    case 'spec.local':
      return checkLocal(problems, source, spec.child('nodeAffinity'));
    default:
  }
}

function checkLocal(problems: Problems, source: Field, affinity: Field): void {
  const path = source.child('path');
  if (path.text === '') problems.required(path);
  else if (path.text.split('/').includes('..')) problems.invalid(path, "must not contain '..'");
  if (!affinity.present) problems.required(affinity, 'Local volume requires node affinity');
}

function checkCsi(problems: Problems, source: Field): void {
  problems.named(source.child('driver'), driverNameProblems);
  if (source.child('volumeHandle').text === '') problems.required(source.child('volumeHandle'));
  for (const name of SECRET_REFS) {
    const ref = source.child(name);
    if (!ref.present) continue;
    problems.named(ref.child('name'), dnsSubdomainProblems);
    problems.named(ref.child('namespace'), dnsLabelProblems);
  }
}

export function validateVolumeUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = validateVolume(object);
  const now = rootOf(object).child('spec');
  const before = rootOf(old).child('spec');
  if (!sameValue(sourceOf(now.object), sourceOf(withFirstExpandSecret(before.object, now.object)))) {
    const at = new Field('spec.persistentvolumesource', null);
    problems.forbidden(at, 'spec.persistentvolumesource is immutable after creation');
  }
  problems.immutable(now.child('volumeMode'), before.child('volumeMode'));
  if (before.child('nodeAffinity').present) {
    problems.immutable(now.child('nodeAffinity'), before.child('nodeAffinity'));
  }
  const attributes = now.child('volumeAttributesClassName');
  if (before.child('volumeAttributesClassName').present && !attributes.present) {
    problems.forbidden(attributes, 'update from non-nil value to nil is forbidden');
  }
  return problems.list;
}

function sourceOf(spec: JsonObject): JsonObject {
  return Object.fromEntries(VOLUME_SOURCES.map((name) => [name, own(spec, name)]));
}

/** Secrets for expanding may be given once to a volume that had none. */
function withFirstExpandSecret(before: JsonObject, now: JsonObject): JsonObject {
  const old = rootOf(before).child('csi').object;
  const next = rootOf(now).child('csi').object;
  if (Object.keys(old).length === 0) return before;
  const filled = ['controllerExpandSecretRef', 'nodeExpandSecretRef'].reduce(
    (csi, name) => (own(csi, name) === undefined ? takeMember(csi, next, name) : csi),
    old,
  );
  return withMember(before, 'csi', filled);
}
