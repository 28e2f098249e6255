// pods/binding: the one write by which a pod gets its node. It happens once.
import { isJsonObject, type JsonObject, type JsonValue } from '#api/json.ts';
import { badRequest, conflict, preconditionFailed } from '#api/status.ts';
import { formatTime } from '#base/clock.ts';
import type { StoredObject } from '../watch-cache/stored-object.ts';
import { changeObject } from './change.ts';
import type { RegistryDeps, WriteOptions } from './deps.ts';
import type { Target } from './target.ts';
import { metadataOf, metaText, withMetadata } from './stored-form.ts';

/** Binds the pod `target` to the node that `binding` names. Throws 400, 404 or 409. */
export async function bindPod(
  deps: RegistryDeps,
  target: Target,
  binding: JsonObject,
  options: WriteOptions,
): Promise<void> {
  const node = nodeNamed(binding);
  const name = metaText(binding, 'name');
  if (name !== '' && name !== target.name) {
    throw badRequest(`the name of the binding (${name}) does not match the pod on the URL (${target.name})`);
  }
  await changeObject(deps, target, options, (old) => {
    refuseUnbindable(target, binding, old);
    return { kind: 'put', object: bound(old.object, binding, node, formatTime(deps.clock.now())) };
  });
}

function nodeNamed(binding: JsonObject): string {
  const { target } = binding;
  const kind = isJsonObject(target) ? (target.kind ?? '') : '';
  const name = isJsonObject(target) ? target.name : undefined;
  if (kind !== '' && kind !== 'Node')
    throw badRequest(`target.kind ${JSON.stringify(kind)}: "Node" is needed`);
  if (typeof name !== 'string' || name === '') throw badRequest('target.name: Required value: a node name');
  return name;
}

function refuseUnbindable(target: Target, binding: JsonObject, { object, revision }: StoredObject): void {
  const subresource = { group: '', plural: 'pods/binding' };
  const uid = metaText(binding, 'uid');
  const storedUid = metaText(object, 'uid');
  if (uid !== '' && uid !== storedUid) {
    throw preconditionFailed(subresource, target.name, 'UID', uid, storedUid);
  }
  const version = metaText(binding, 'resourceVersion');
  if (version !== '' && version !== String(revision)) throw conflict(subresource, target.name);
  if (metaText(object, 'deletionTimestamp') !== '') {
    throw conflict(
      subresource,
      target.name,
      `pod ${target.name} is being deleted, cannot be assigned to a host`,
    );
  }
  const node = isJsonObject(object.spec) ? (object.spec.nodeName ?? '') : '';
  if (node !== '') {
    const why = `pod ${target.name} is already assigned to node ${JSON.stringify(node)}`;
    throw conflict(subresource, target.name, why);
  }
  const gates = isJsonObject(object.spec) ? object.spec.schedulingGates : undefined;
  if (Array.isArray(gates) && gates.length > 0) {
    throw badRequest(`pod ${target.name} has non-empty .spec.schedulingGates`);
  }
}

function bound(pod: JsonObject, binding: JsonObject, node: string, now: string): JsonObject {
  const spec = isJsonObject(pod.spec) ? pod.spec : {};
  const status = isJsonObject(pod.status) ? pod.status : {};
  const others = conditionsOf(status).filter(
    (condition) => !isJsonObject(condition) || condition.type !== 'PodScheduled',
  );
  const { generation } = metadataOf(pod);
  const scheduled = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: now };
  const annotated = withMetadata(pod, {
    ...merged(pod, binding, 'annotations'),
    ...merged(pod, binding, 'labels'),
    ...(typeof generation === 'number' && { generation: generation + 1 }),
  });
  return {
    ...annotated,
    spec: { ...spec, nodeName: node },
    status: { ...status, conditions: [...others, scheduled] },
  };
}

function conditionsOf(status: JsonObject): readonly JsonValue[] {
  return Array.isArray(status.conditions) ? status.conditions : [];
}

/** The binding may bring annotations and labels (topology); they are added to the pod's. */
function merged(pod: JsonObject, binding: JsonObject, name: 'annotations' | 'labels'): JsonObject {
  const added = metadataOf(binding)[name];
  if (!isJsonObject(added)) return {};
  const current = metadataOf(pod)[name];
  return { [name]: { ...(isJsonObject(current) ? current : {}), ...added } };
}
