// Carries out one step for one volume or one node. No policy here. Detaching goes through proveDetachable, whose live
// reads have the last word over the caches, and its evidence is logged.
// Rules ATT15, ATT31 and ATT50 are carried out here too.
import type { Node, Pod } from '#api/generated/core-v1.ts';
import type { VolumeAttachment } from '#api/generated/storage-v1.ts';
import { type ApiObject, keyOf, type Stored } from '#api/object.ts';
import { nodes, volumeAttachments } from '#api/resources.ts';
import { assert, assertNever } from '#base/assert.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome, Reconcile } from '#client/outcome.ts';
import { attachmentName } from '#rules/attachment-name.ts';
import { type DetachReason, lists, proveDetachable } from '#rules/proofs.ts';
import { Reservations } from '#rules/reservations.ts';
import { BOOT_ID } from '#rules/well-known.ts';
import { decideNode, decideVolume, type PodNews, type VolumeStep } from './decide.ts';
import { reconcileEviction } from './evict.ts';
import { type AttachmentCaches, type IsOverdue, observeNode, observeVolume } from './view.ts';

/** A live read that contradicts the cache: the cache's own event will come, this is only the net below it. */
const BEHIND_MS = 1000;

interface Pass {
  readonly deps: LoopDeps;
  readonly caches: AttachmentCaches;
  /** Key to what was last said about it, so that a quiet world says nothing. */
  readonly said: Map<string, string>;
  /** Attachments that this process made and that were not attached yet when it looked last. */
  readonly made: Set<string>;
  readonly isOverdue: IsOverdue;
  /** Forced detaches by reason since the start (upstream's attachdetach_controller_forced_detaches). */
  readonly forced: Map<DetachReason, number>;
  /** What was just offered to a node and may be offered to one only (ATT62). */
  readonly offers: Reservations;
  /** Attachments whose detach is under way, and by node what volumesAttached is just being set to (ATT24). */
  readonly detaching: Set<string>;
  readonly offering: Map<string, readonly string[]>;
}

/** Keys are `volume/<name>`, `node/<name>` and `pod/<namespace>/<name>`. */
export function attachmentReconcile(
  deps: LoopDeps,
  caches: AttachmentCaches,
  isOverdue: IsOverdue = () => false,
): Reconcile {
  const pass: Pass = {
    deps,
    caches,
    said: new Map(),
    made: new Set(),
    isOverdue,
    forced: new Map(),
    offers: new Reservations(),
    detaching: new Set(),
    offering: new Map(),
  };
  return async (key, signal) => {
    try {
      const slash = key.indexOf('/');
      const [kind, name] = [key.slice(0, slash), key.slice(slash + 1)];
      if (kind === 'node') return await reconcileNode(pass, name, signal);
      if (kind === 'pod') return await reconcileEviction(deps, caches, name, signal);
      return await reconcileVolume(pass, name, signal);
    } catch (error) {
      return { kind: 'failed', error };
    }
  };
}

async function reconcileVolume(pass: Pass, name: string, signal: AbortSignal): Promise<Outcome> {
  const step = decideVolume(observeVolume(pass.caches, name, pass.isOverdue));
  switch (step.kind) {
    case 'attach':
      return attach(pass, step, signal);
    case 'detach':
      return detachAlone(pass, step.attachment, signal);
    case 'record-boot':
      return recordBoot(pass, step.attachment, signal);
    case 'rest':
      tell(pass, `volume/${name}`, step.news);
      tellAttached(pass, name);
      return { kind: 'settled' };
    default:
      return assertNever(step);
  }
}

/** The boot ID is read live: an old one from the cache would later pass for a reboot (ATT3). */
async function liveBootId(pass: Pass, nodeName: string, signal: AbortSignal): Promise<string | undefined> {
  const node = await pass.deps.api.find(nodes, { name: nodeName }, signal);
  return node === undefined ? undefined : (node.status?.nodeInfo?.bootID ?? '');
}

async function attach(
  pass: Pass,
  { volume, nodeName }: Extract<VolumeStep, { kind: 'attach' }>,
  signal: AbortSignal,
): Promise<Outcome> {
  const csi = volume.spec?.csi;
  assert(csi !== undefined, 'only CSI volumes are attached');
  const bootId = await liveBootId(pass, nodeName, signal);
  if (bootId === undefined) return behind(`node "${nodeName}" has no object`);
  const attachment: VolumeAttachment = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttachment',
    metadata: {
      name: attachmentName(csi, nodeName),
      ...(bootId === '' ? {} : { annotations: { [BOOT_ID]: bootId } }),
    },
    spec: {
      attacher: csi.driver,
      nodeName,
      source: { persistentVolumeName: volume.metadata.name },
    },
  };
  const created = await pass.deps.api.create(volumeAttachments, attachment, signal);
  pass.made.add(created.metadata.name);
  return wrote(pass, created);
}

/**
 * A proof is about one moment. Were the volume offered again between the proof and the delete, its node could begin to
 * use it just when it is taken away; so the two exclude each other (ATT24).
 */
async function detachAlone(
  pass: Pass,
  attachment: Stored<VolumeAttachment>,
  signal: AbortSignal,
): Promise<Outcome> {
  const { nodeName } = attachment.spec;
  const { name } = attachment.metadata;
  const node = pass.caches.nodes.get(nodeName);
  if (node !== undefined && lists(pass.offering.get(nodeName), node, name)) {
    return behind(`volumesAttached of node "${nodeName}" is being written`);
  }
  pass.detaching.add(name);
  try {
    return await detach(pass, attachment, signal);
  } finally {
    pass.detaching.delete(name);
  }
}

async function detach(
  pass: Pass,
  attachment: Stored<VolumeAttachment>,
  signal: AbortSignal,
): Promise<Outcome> {
  const { api, log } = pass.deps;
  const { name } = attachment.metadata;
  const waitedTooLong = pass.isOverdue(attachment, pass.caches.nodes.get(attachment.spec.nodeName));
  const result = await proveDetachable(api, name, { signal, waitedTooLong });
  if (result.kind === 'refused') return behind(result.because);
  const { proof } = result;
  log.info('detaching', { attachment: name, by: proof.by, proof: proof.describe() });
  await api.delete(volumeAttachments, { name }, { preconditions: proof.preconditions }, signal);
  pass.made.delete(name);
  if (proof.by !== 'not-in-use') countForced(pass, attachment, proof.by);
  return { kind: 'settled' }; // its event brings the key back
}

/** A detach without the agent's word is for operators to see (ATT42). */
function countForced(pass: Pass, { metadata, spec }: Stored<VolumeAttachment>, by: DetachReason): void {
  const count = (pass.forced.get(by) ?? 0) + 1;
  pass.forced.set(by, count);
  const volume = spec.source.persistentVolumeName ?? '';
  pass.deps.log.warn('forced detach', { attachment: metadata.name, volume, node: spec.nodeName, by, count });
  const node = pass.caches.nodes.get(spec.nodeName);
  if (node === undefined) return;
  const message = `Volume "${volume}" is detached from node "${spec.nodeName}" without its agent's word: ${by}`;
  pass.deps.events.record(
    { ...node, apiVersion: 'v1', kind: 'Node' },
    { type: 'Warning', reason: 'ForcedDetach', message },
  );
}

async function recordBoot(
  pass: Pass,
  attachment: Stored<VolumeAttachment>,
  signal: AbortSignal,
): Promise<Outcome> {
  const bootId = await liveBootId(pass, attachment.spec.nodeName, signal);
  if (bootId === undefined || bootId === '') return behind('the node has no boot ID any more');
  if (attachment.metadata.annotations?.[BOOT_ID] === bootId)
    return behind('the cached node is of an older boot');
  const annotations = { ...attachment.metadata.annotations, [BOOT_ID]: bootId };
  const next = { ...attachment, metadata: { ...attachment.metadata, annotations } };
  return wrote(pass, await pass.deps.api.update(volumeAttachments, next, signal));
}

function wrote(pass: Pass, { metadata }: Stored<VolumeAttachment>): Outcome {
  const { resourceVersion } = metadata;
  return { kind: 'progressed', wrote: { informer: pass.caches.attachments, resourceVersion } };
}

function behind(because: string): Outcome {
  return { kind: 'blocked', because, retryAfterMs: BEHIND_MS };
}

/**
 * One field of the node's status, conditional on the whole node that was decided on: the agent writes beside us, and what
 * it says it uses cannot have changed meanwhile.
 */
async function reconcileNode(pass: Pass, name: string, signal: AbortSignal): Promise<Outcome> {
  const { isOverdue, caches, offers } = pass;
  const isPending = (volume: string, node: string): boolean =>
    offers.isHeldByOther(volume, node, caches.nodes.revision);
  const view = observeNode(caches, name, { isOverdue, isPending });
  if (view === undefined) return { kind: 'settled' };
  const step = decideNode(view);
  tell(pass, `node/${name}`, step.news);
  if (step.kind === 'rest') return { kind: 'settled' };
  const isLeaving = view.attachments.some(
    ({ attachment, uniqueName = '' }) =>
      pass.detaching.has(attachment.metadata.name) && step.names.includes(uniqueName),
  );
  if (isLeaving) return behind('a volume that is to be offered is being detached'); // ATT24
  for (const volume of step.reserves) offers.reserve(volume, name);
  pass.offering.set(name, step.names);
  let resourceVersion: string | undefined;
  try {
    const held = await holderOf(pass, step.reserves, name, signal);
    if (held !== undefined) return behind(held);
    resourceVersion = await publish(pass, view.node, step.names, signal);
    return { kind: 'progressed', wrote: { informer: caches.nodes, resourceVersion } };
  } finally {
    pass.offering.delete(name);
    for (const volume of step.reserves) {
      // A lost answer may have been a write: the next look at this name is a live one.
      if (resourceVersion === undefined) offers.release(volume);
      else offers.confirm(volume, name, Number(resourceVersion));
    }
  }
}

/** Another node that already has one of the volumes, read live: an earlier process may have offered it (ATT62). */
async function holderOf(
  { deps }: Pass,
  volumes: readonly string[],
  nodeName: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (volumes.length === 0) return undefined;
  const { items } = await deps.api.list(nodes, {}, signal);
  for (const { metadata, status } of items) {
    if (metadata.name === nodeName) continue;
    const held = status?.volumesAttached?.find(({ name }) => volumes.includes(name));
    if (held !== undefined) return `node "${metadata.name}" is offered "${held.name}"`;
  }
  return undefined;
}

/** Returns the revision of the write. */
async function publish(
  { deps }: Pass,
  { metadata: { name, resourceVersion } }: Stored<Node>,
  names: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const volumesAttached = names.map((volume) => ({ name: volume, devicePath: '' }));
  const patch = { metadata: { resourceVersion }, status: { volumesAttached } };
  const status = { type: 'merge', patch, subresource: 'status' } as const;
  return (await deps.api.patch(nodes, { name }, status, signal)).metadata.resourceVersion;
}

/** FailedAttachVolume on each pod that is kept waiting, once per message (ATT6). */
function tell(pass: Pass, about: string, news: readonly PodNews[]): void {
  const text = news.map(({ pod, message }) => `${keyOf(pod)} ${pod.metadata.uid} ${message}`).join('\n');
  if (text === '') pass.said.delete(about);
  if (text === '' || pass.said.get(about) === text) return;
  pass.said.set(about, text);
  for (const { pod, message } of news) {
    pass.deps.events.record(asPod(pod), { type: 'Warning', reason: 'FailedAttachVolume', message });
  }
}

/** SuccessfulAttachVolume, once and only for what this process attached: a restart repeats nothing (ATT9). */
function tellAttached({ caches, made, deps }: Pass, volume: string): void {
  if (made.size === 0) return;
  for (const { attachment, pods } of observeVolume(caches, volume, () => false).places) {
    if (attachment?.status?.attached !== true || !made.delete(attachment.metadata.name)) continue;
    const message = `AttachVolume.Attach succeeded for volume "${volume}" `;
    for (const pod of pods) {
      deps.events.record(asPod(pod), { type: 'Normal', reason: 'SuccessfulAttachVolume', message });
    }
  }
}

/** Events need the kind, which items of a list do not carry. */
function asPod(pod: Stored<Pod>): ApiObject {
  return { ...pod, apiVersion: 'v1', kind: 'Pod' };
}
