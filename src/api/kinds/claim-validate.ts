// What Kubernetes accepts of a PersistentVolumeClaim, new and changed.
import type { JsonObject } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '../names.ts';
import { compareQuantities, parseQuantity } from '../quantity.ts';
import { checkAccessModes } from './access-modes.ts';
import { editMember, editOrAdd, takeMember } from './edit.ts';
import { describeDifference, sameValue } from './equal.ts';
import { type Field, rootOf } from './field.ts';
import { Problems } from './problems.ts';
import { checkNonNegativeQuantity, checkPositiveQuantity } from './quantity-check.ts';
import { checkLabelSelector } from './selector-check.ts';

const IMMUTABLE =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';

const RESIZE_STATUSES = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizePending',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
];

export function validateClaim(object: JsonObject): Problems {
  const problems = new Problems();
  checkClaimSpec(problems, rootOf(object).child('spec'));
  return problems;
}

/** Shared with the claim template of a pod's ephemeral volume. */
export function checkClaimSpec(problems: Problems, spec: Field): void {
  checkAccessModes(problems, spec.child('accessModes'), 'at least 1 access mode is required');
  if (spec.child('selector').present) checkLabelSelector(problems, spec.child('selector'));
  checkStorageRequest(problems, spec.child('resources'));
  problems.optionallyNamed(spec.child('storageClassName'), dnsSubdomainProblems);
  if (spec.child('volumeMode').present) {
    problems.oneOf(spec.child('volumeMode'), ['Block', 'Filesystem']);
  }
  problems.optionallyNamed(spec.child('volumeAttributesClassName'), dnsSubdomainProblems);
  checkDataSources(problems, spec);
}

function checkStorageRequest(problems: Problems, resources: Field): void {
  const requested = resources.child('requests').key('storage');
  if (!requested.present) problems.required(requested, 'a claim needs a size, for example 1Gi');
  else checkPositiveQuantity(problems, requested);
  const limit = resources.child('limits').key('storage');
  if (!limit.present) return;
  const limited = checkNonNegativeQuantity(problems, limit);
  if (limited === undefined || parseQuantity(requested.text) === undefined) return;
  if (compareQuantities(requested.text, limited) > 0) {
    problems.invalid(requested, `must be less than or equal to storage limit of ${limited}`);
  }
}

function checkDataSources(problems: Problems, spec: Field): void {
  const source = spec.child('dataSource');
  const ref = spec.child('dataSourceRef');
  for (const given of [source, ref]) {
    if (!given.present) continue;
    if (given.child('name').text === '') problems.required(given.child('name'));
    if (given.child('kind').text === '') problems.required(given.child('kind'));
    if (given.child('apiGroup').text === '' && given.child('kind').text !== 'PersistentVolumeClaim') {
      problems.invalid(given, "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
    }
  }
  if (ref.child('namespace').text !== '') {
    if (source.present)
      problems.invalid(source, 'may not be specified when dataSourceRef.namespace is specified');
    problems.invalidAll(ref.child('namespace'), dnsLabelProblems(ref.child('namespace').text));
  } else if (source.present && ref.present && !sameValue(source.value, ref.value)) {
    problems.invalid(spec, 'must match dataSourceRef');
  }
}

export function validateClaimUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = validateClaim(object);
  const now = rootOf(object);
  const before = rootOf(old);
  const spec = now.child('spec');
  const expected = allowedSpec(now, before);
  if (!sameValue(spec.value, expected)) {
    problems.forbidden(spec, `${IMMUTABLE}\n${describeDifference(expected, spec.object)}`);
  }
  checkSize(problems, now, before);
  problems.immutable(spec.child('volumeMode'), before.at('spec', 'volumeMode'));
  const attributes = spec.child('volumeAttributesClassName');
  const applied = before.at('status', 'currentVolumeAttributesClassName').text;
  const isTakenBack = before.at('spec', 'volumeAttributesClassName').text !== '' && attributes.text === '';
  if (isTakenBack && applied !== '') {
    const when = 'when status.currentVolumeAttributesClassName is not nil';
    problems.forbidden(attributes, `update to nil is forbidden ${when}`);
  }
  return problems.list;
}

/** The old spec with those changes of the new one that are allowed. */
function allowedSpec(now: Field, before: Field): JsonObject {
  const next = now.child('spec').object;
  let spec = before.child('spec').object;
  const named = before.at('spec', 'volumeName').text !== '';
  if (!named) {
    // The binder names the volume, once; a class may be filled in retroactively while there is none.
    spec = takeMember(spec, next, 'volumeName');
    if (!before.at('spec', 'storageClassName').present) spec = takeMember(spec, next, 'storageClassName');
  }
  if (before.at('status', 'phase').text !== 'Bound') return spec;
  spec = takeMember(spec, next, 'volumeAttributesClassName');
  return editOrAdd(spec, 'resources', (resources) =>
    editMember(resources, 'requests', (requests) =>
      takeMember(requests, now.at('spec', 'resources', 'requests').object, 'storage'),
    ),
  );
}

/** A claim grows only; after a failed expansion it may ask for less again, but for more than it has. */
function checkSize(problems: Problems, now: Field, before: Field): void {
  const at = now.at('spec', 'resources', 'requests').child('storage');
  const size = at.text;
  const oldSize = before.at('spec', 'resources', 'requests').key('storage').text;
  const capacity = before.at('status', 'capacity').key('storage').text;
  if (parseQuantity(size) === undefined || parseQuantity(oldSize) === undefined) return;
  if (compareQuantities(size, oldSize) >= 0) return;
  if (parseQuantity(capacity) === undefined) {
    problems.forbidden(at, 'field can not be less than previous value');
  } else if (compareQuantities(size, capacity) <= 0) {
    problems.forbidden(at, 'field can not be less than status.capacity');
  }
}

export function validateClaimStatusUpdate(object: JsonObject): readonly FieldError[] {
  const problems = new Problems();
  const status = rootOf(object).child('status');
  if (status.child('phase').text !== '') {
    problems.oneOf(status.child('phase'), ['Bound', 'Lost', 'Pending']);
  }
  for (const { field } of status.child('capacity').entries) checkNonNegativeQuantity(problems, field);
  for (const { field } of status.child('allocatedResources').entries) {
    checkNonNegativeQuantity(problems, field);
  }
  for (const { field } of status.child('allocatedResourceStatuses').entries) {
    problems.oneOf(field, RESIZE_STATUSES);
  }
  return problems.list;
}
