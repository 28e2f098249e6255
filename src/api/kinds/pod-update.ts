// What may change of a pod: images, a shorter deadline, added tolerations, a corrected grace period, removed
// scheduling gates. The node is set only by binding.
import type { JsonObject } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { editItems, takeMember, withMember } from './edit.ts';
import { describeDifference, sameValue } from './equal.ts';
import { type Field, own, rootOf } from './field.ts';
import { validatePod } from './pod-validate.ts';
import { Problems } from './problems.ts';
import { checkNonNegativeQuantity } from './quantity-check.ts';

const FIXED =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,' +
  '`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),' +
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

export function validatePodUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = validatePod(object);
  const spec = rootOf(object).child('spec');
  const before = rootOf(old).child('spec');
  for (const list of ['containers', 'initContainers']) {
    if (spec.child(list).size !== before.child(list).size) {
      const name = list === 'containers' ? 'containers' : 'init containers';
      problems.forbidden(spec.child(list), `pod updates may not add or remove ${name}`);
      return problems.list;
    }
  }
  checkDeadline(problems, spec.child('activeDeadlineSeconds'), before.child('activeDeadlineSeconds'));
  checkAddedTolerations(problems, spec.child('tolerations'), before.child('tolerations'));
  checkRemovedGates(problems, spec.child('schedulingGates'), before.child('schedulingGates'));
  const expected = allowedSpec(spec.object, before.object);
  if (!sameValue(expected, spec.object)) {
    problems.forbidden(spec, `${FIXED}\n${describeDifference(expected, spec.object)}`);
  }
  return problems.list;
}

/** The old spec with those members of the new one that may differ. */
function allowedSpec(spec: JsonObject, before: JsonObject): JsonObject {
  const open = ['activeDeadlineSeconds', 'tolerations', 'schedulingGates'].reduce(
    (result, name) => takeMember(result, spec, name),
    before,
  );
  const grace = own(before, 'terminationGracePeriodSeconds');
  const negative = typeof grace === 'number' && grace < 0;
  const graceful =
    negative && own(spec, 'terminationGracePeriodSeconds') === 1
      ? withMember(open, 'terminationGracePeriodSeconds', 1)
      : open;
  return ['containers', 'initContainers'].reduce((result, list) => withImages(result, spec, list), graceful);
}

function withImages(before: JsonObject, spec: JsonObject, list: string): JsonObject {
  const images = rootOf(spec)
    .child(list)
    .items.map((container) => container.child('image').value);
  let index = 0;
  return editItems(before, list, (container) => withMember(container, 'image', images[index++]));
}

function checkDeadline(problems: Problems, now: Field, before: Field): void {
  if (before.number === undefined) return;
  if (now.number === undefined) {
    problems.invalid(now, 'must not update from a positive integer to nil value');
  } else if (now.number > before.number) {
    problems.invalid(now, 'must be less than or equal to previous value');
  }
}

function checkAddedTolerations(problems: Problems, now: Field, before: Field): void {
  const withoutSeconds = (item: Field): JsonObject => withMember(item.object, 'tolerationSeconds', undefined);
  const kept = before.items.every((old) =>
    now.items.some((item) => sameValue(withoutSeconds(item), withoutSeconds(old))),
  );
  if (!kept) problems.forbidden(now, 'existing toleration can not be modified except its tolerationSeconds');
}

function checkRemovedGates(problems: Problems, now: Field, before: Field): void {
  const old = new Set(before.items.map((gate) => gate.child('name').text));
  for (const gate of now.items) {
    const name = gate.child('name').text;
    if (!old.has(name)) {
      problems.forbidden(now, `only deletion is allowed, but found new scheduling gate '${name}'`);
    }
  }
}

/** A container that has ended for good under the pod's restart policy does not come back. */
export function validatePodStatusUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = new Problems();
  const policy = rootOf(old).at('spec', 'restartPolicy').text;
  const status = rootOf(object).child('status');
  for (const { field } of status.child('allocatedResources').entries) {
    checkNonNegativeQuantity(problems, field);
  }
  if (policy === 'Always') return problems.list;
  const overridden = namesWithOwnPolicy(rootOf(old).child('spec'));
  const now = status.child('containerStatuses');
  for (const before of rootOf(old).at('status', 'containerStatuses').items) {
    const name = before.child('name').text;
    const ended = before.at('state', 'terminated');
    if (!ended.present || overridden.has(name)) continue;
    if (policy === 'OnFailure' && ended.child('exitCode').number !== 0) continue;
    const next = now.items.find((item) => item.child('name').text === name);
    if (next !== undefined && !next.at('state', 'terminated').present) {
      problems.forbidden(next.child('state'), 'may not be transitioned to non-terminated state');
    }
  }
  return problems.list;
}

function namesWithOwnPolicy(spec: Field): ReadonlySet<string> {
  const own = spec.child('containers').items.filter((container) => container.child('restartPolicy').present);
  return new Set(own.map((container) => container.child('name').text));
}
