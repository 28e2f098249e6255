// Proofs of destructive steps. A proof is a value that only the functions of this file can make, and they make it only
// from live reads (never from a cache). Who deletes a volume's backend or detaches a volume takes the proof as an
// argument, uses its preconditions for the write and logs its evidence. No timer is a proof.
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { VolumeAttachment } from '#api/generated/storage-v1.ts';
import { keyOf, type ApiObject, type ResourceType, type Stored } from '#api/object.ts';
import {
  configMaps,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from '#api/resources.ts';
import { attachmentName, parseUniqueVolumeName, type CsiVolumeName } from './attachment-name.ts';
import { isTerminal, podLabel } from './pod-state.ts';
import { claimsOfPod } from './pod-volumes.ts';
import { isNodeReady, isOutOfService } from './taints.ts';
import { BIND_COMPLETED, BOOT_ID, FORCE_DETACH, HONOURS_BOOT_ID, POWERED_OFF } from './well-known.ts';

/** Reads that go to the server; an ApiClient is one. */
export interface LiveReads {
  find<T extends ApiObject>(
    type: ResourceType<T>,
    name: { readonly namespace?: string; readonly name: string },
    signal?: AbortSignal,
  ): Promise<Stored<T> | undefined>;
  list<T extends ApiObject>(
    type: ResourceType<T>,
    query?: { readonly namespace?: string; readonly fieldSelector?: string },
    signal?: AbortSignal,
  ): Promise<{ readonly resourceVersion: string; readonly items: readonly Stored<T>[] }>;
}

/** One thing that was read: an object at a version, or the absence of one, and what it shows. */
export interface Evidence {
  /** `nodes/node-1` */
  readonly object: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly shows: string;
}

export interface ProofPreconditions {
  readonly uid: string;
  readonly resourceVersion: string;
}

export class Proof<Kind extends string> {
  readonly kind: Kind;
  readonly #evidence: readonly Evidence[];

  constructor(kind: Kind, evidence: readonly Evidence[]) {
    this.kind = kind;
    this.#evidence = evidence;
  }

  get evidence(): readonly Evidence[] {
    return this.#evidence;
  }

  /** One line for the log: names, versions and facts only. */
  describe(): string {
    return this.#evidence
      .map(({ object, resourceVersion, shows }) => `${object}@${resourceVersion ?? 'absent'}: ${shows}`)
      .join('; ');
  }
}

class VolumeDeleteProof extends Proof<'delete'> {
  readonly driver: string;
  readonly volumeHandle: string;
  /** Of the PersistentVolume object; absent when none was ever made for this backend. */
  readonly preconditions: ProofPreconditions | undefined;

  constructor(
    of: { readonly driver: string; readonly volumeHandle: string },
    preconditions: ProofPreconditions | undefined,
    evidence: readonly Evidence[],
  ) {
    super('delete', evidence);
    this.driver = of.driver;
    this.volumeHandle = of.volumeHandle;
    this.preconditions = preconditions;
  }
}

class VolumeDetachProof extends Proof<'detach'> {
  readonly attachment: string;
  readonly preconditions: ProofPreconditions;
  readonly by: DetachReason;

  constructor(
    attachment: string,
    by: DetachReason,
    preconditions: ProofPreconditions,
    evidence: readonly Evidence[],
  ) {
    super('detach', evidence);
    this.attachment = attachment;
    this.by = by;
    this.preconditions = preconditions;
  }
}

/**
 * What shows that nothing on the node can use the volume: its agent's word, an operator's (a taint or an annotation), or
 * a reboot. `waited-too-long` shows nothing: it is only given when the cluster was configured to take that risk.
 */
export type DetachReason = 'not-in-use' | 'out-of-service' | 'rebooted' | 'operator' | 'waited-too-long';

export interface DetachQuestion {
  readonly signal?: AbortSignal;
  /** The configured time is over: a node that is not Ready counts as one that uses nothing (RUL116). */
  readonly waitedTooLong?: boolean;
}

/** Permission to call DeleteVolume for one backend volume. The type is public, its constructor is not. */
export type DeleteProof = VolumeDeleteProof;
/** Permission to delete one VolumeAttachment. The type is public, its constructor is not. */
export type DetachProof = VolumeDetachProof;

export type ProofResult<P> =
  | { readonly kind: 'proven'; readonly proof: P }
  | { readonly kind: 'refused'; readonly because: string };

export function refused(because: string): { readonly kind: 'refused'; readonly because: string } {
  return { kind: 'refused', because };
}

/**
 * Proves that the backend of the volume object `name` may be deleted (RUL110; I-8, I-9, I-11): policy Delete, Released
 * or Failed, its claim gone or bound elsewhere, attached nowhere, in use on no node, and no second object for the same
 * backend.
 */
export async function proveVolumeDeletable(
  live: LiveReads,
  name: string,
  signal?: AbortSignal,
): Promise<ProofResult<DeleteProof>> {
  const volume = await live.find(persistentVolumes, { name }, signal);
  if (volume === undefined) return refused(`volume "${name}" has no object`);
  const unfit = whyNotReclaimable(volume);
  if (unfit !== undefined) return refused(`volume "${name}" ${unfit}`);
  const { csi, claimRef } = volume.spec ?? {};
  if (csi === undefined || claimRef === undefined)
    return refused(`volume "${name}" lost its source or claim`);
  const claim = { namespace: claimRef.namespace ?? '', name: claimRef.name ?? '', uid: claimRef.uid ?? '' };
  const unclaimed = await proveUnclaimed(live, claim, name, signal);
  if (unclaimed.kind === 'refused') return unclaimed;
  const unused = await proveUnused(live, csi, name, signal);
  if (unused.kind === 'refused') return unused;
  const { uid, resourceVersion } = volume.metadata;
  const released = seen('persistentvolumes', volume, `${volume.status?.phase ?? ''}, policy Delete`);
  const evidence = [released, ...unclaimed.proof, ...unused.proof];
  return { kind: 'proven', proof: new VolumeDeleteProof(csi, { uid, resourceVersion }, evidence) };
}

/** A backend volume made for a claim, for which no PersistentVolume was ever stored. */
export interface OrphanVolume extends CsiVolumeName {
  readonly claim: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** The ConfigMap of the control plane in which the provisioner records that it gave this backend up. */
  readonly intent?: { readonly namespace: string; readonly name: string };
}

/**
 * Proves that a backend without an object may be deleted (RUL111): its claim is gone or bound elsewhere, or its intent
 * says that it was given up, after which nobody makes an object for it (I-15).
 */
export async function proveOrphanDeletable(
  live: LiveReads,
  orphan: OrphanVolume,
  signal?: AbortSignal,
): Promise<ProofResult<DeleteProof>> {
  const givenUp = await proveGivenUp(live, orphan, signal);
  const unclaimed =
    givenUp.kind === 'proven' ? givenUp : await proveUnclaimed(live, orphan.claim, undefined, signal);
  if (unclaimed.kind === 'refused') return unclaimed;
  const unused = await proveUnused(live, orphan, undefined, signal);
  if (unused.kind === 'refused') return unused;
  const evidence = [...unclaimed.proof, ...unused.proof];
  return { kind: 'proven', proof: new VolumeDeleteProof(orphan, undefined, evidence) };
}

/**
 * Proves that the VolumeAttachment `name` may be deleted (RUL112; I-17): no pod on the node wants the volume, the
 * node's status no longer offers it, and either the node's agent does not report it in use, or an operator declared the
 * node out of service, or the node has booted since. A Node object that is gone proves nothing.
 */
export async function proveDetachable(
  live: LiveReads,
  name: string,
  { signal, waitedTooLong = false }: DetachQuestion = {},
): Promise<ProofResult<DetachProof>> {
  const attachment = await live.find(volumeAttachments, { name }, signal);
  if (attachment === undefined) return refused(`attachment "${name}" is gone`);
  const { nodeName, source } = attachment.spec;
  const unwanted = await proveUnwanted(live, nodeName, source.persistentVolumeName, signal);
  if (unwanted.kind === 'refused') return unwanted;
  const node = await live.find(nodes, { name: nodeName }, signal);
  const by = reasonOnNode(node, attachment, waitedTooLong);
  if (by.kind === 'refused') return by;
  const { uid, resourceVersion } = attachment.metadata;
  const absent = { object: `nodes/${nodeName}`, shows: 'absent' };
  const evidence = [
    seen('volumeattachments', attachment, by.proof === 'operator' ? 'an operator gave it up' : 'exists'),
    node === undefined ? absent : seen('nodes', node, by.proof),
    ...unwanted.proof,
  ];
  return { kind: 'proven', proof: new VolumeDetachProof(name, by.proof, { uid, resourceVersion }, evidence) };
}

function reasonOnNode(
  node: Stored<Node> | undefined,
  attachment: Stored<VolumeAttachment>,
  waitedTooLong: boolean,
): ProofResult<DetachReason> {
  const { nodeName } = attachment.spec;
  if (node === undefined) {
    if (isGivenUp(attachment)) return { kind: 'proven', proof: 'operator' };
    return refused(`node "${nodeName}" has no object, which proves nothing about its mounts`);
  }
  const offered = node.status?.volumesAttached?.map((one) => one.name);
  if (lists(offered, node, attachment.metadata.name)) {
    return refused(`node "${nodeName}" is still offered the volume in status.volumesAttached`);
  }
  const by = detachReason(node, attachment);
  if (by !== undefined) return { kind: 'proven', proof: by };
  if (waitedTooLong && !isNodeReady(node)) return { kind: 'proven', proof: 'waited-too-long' };
  return refused(`node "${nodeName}" reports the volume in status.volumesInUse`);
}

/** What shows that nothing on the node uses the attached volume any more, or undefined (RUL113). */
export function detachReason(node: Node, attachment: VolumeAttachment): DetachReason | undefined {
  if (isOutOfService(node)) return 'out-of-service';
  if (!lists(node.status?.volumesInUse, node, attachment.metadata.name ?? '')) return 'not-in-use';
  if (isGivenUp(attachment) || isPoweredOff(node, attachment)) return 'operator';
  const isPromised = node.metadata.annotations?.[HONOURS_BOOT_ID] === 'true';
  return isPromised && hasRebooted(node, attachment) ? 'rebooted' : undefined;
}

/** True when an operator gave this very attachment up (RUL115). */
export function isGivenUp({ metadata }: VolumeAttachment): boolean {
  const word = metadata.annotations?.[FORCE_DETACH] ?? '';
  return word !== '' && word === metadata.uid;
}

/** True when an operator says that the boot under which the attachment was made has ended (RUL115). */
function isPoweredOff(node: Node, attachment: VolumeAttachment): boolean {
  const word = node.metadata.annotations?.[POWERED_OFF] ?? '';
  const recorded = attachment.metadata.annotations?.[BOOT_ID] ?? word;
  return word !== '' && word === node.status?.nodeInfo?.bootID && word === recorded;
}

/** True when the node runs another boot than the one the attachment was made for. Alone it proves nothing (RUL113). */
export function hasRebooted(node: Node, attachment: VolumeAttachment): boolean {
  const boot = attachment.metadata.annotations?.[BOOT_ID] ?? '';
  const now = node.status?.nodeInfo?.bootID ?? '';
  return boot !== '' && now !== '' && boot !== now;
}

/** True when one of the volume names, as a node's status has them, is the volume of this attachment. */
export function lists(names: readonly string[] | undefined, node: Node, attachment: string): boolean {
  return (names ?? []).some((name) => {
    const parsed = parseUniqueVolumeName(name);
    return parsed !== undefined && attachmentName(parsed, node.metadata.name ?? '') === attachment;
  });
}

type Facts = ProofResult<readonly Evidence[]>;

function whyNotReclaimable({ spec, status }: PersistentVolume): string | undefined {
  const policy = spec?.persistentVolumeReclaimPolicy ?? '';
  if (spec?.csi === undefined) return 'has no spec.csi: only CSI volumes are deleted through a driver';
  if (policy !== 'Delete') return `has spec.persistentVolumeReclaimPolicy "${policy}": "Delete" is needed`;
  if (status?.phase !== 'Released' && status?.phase !== 'Failed') {
    return `is in phase "${status?.phase ?? ''}": "Released" or "Failed" is needed`;
  }
  if (spec.claimRef?.uid === undefined || spec.claimRef.uid === '') return 'has no spec.claimRef.uid';
  return undefined;
}

async function proveGivenUp(live: LiveReads, orphan: OrphanVolume, signal?: AbortSignal): Promise<Facts> {
  if (orphan.intent === undefined) return refused('no intent is named');
  const intent = await live.find(configMaps, orphan.intent, signal);
  if (intent === undefined) return refused(`intent "${orphan.intent.name}" is gone`);
  const isThis = intent.data?.['phase'] === 'deleting' && intent.data['handle'] === orphan.volumeHandle;
  return isThis ? facts(seen('configmaps', intent, 'given up')) : refused('the intent does not give it up');
}

export async function proveUnclaimed(
  live: LiveReads,
  of: OrphanVolume['claim'],
  volumeName: string | undefined,
  signal?: AbortSignal,
): Promise<Facts> {
  const { namespace, name, uid } = of;
  const claim = await live.find(persistentVolumeClaims, { namespace, name }, signal);
  if (claim === undefined)
    return facts({ object: `persistentvolumeclaims/${namespace}/${name}`, shows: 'absent' });
  if (claim.metadata.uid !== uid) return facts(seen('persistentvolumeclaims', claim, `not UID ${uid}`));
  if (isBoundElsewhere(claim, volumeName))
    return facts(seen('persistentvolumeclaims', claim, 'bound elsewhere'));
  return refused(`claim "${namespace}/${name}" with UID ${uid} still exists`);
}

function isBoundElsewhere(
  { spec, metadata }: PersistentVolumeClaim,
  volumeName: string | undefined,
): boolean {
  const bound = spec?.volumeName ?? '';
  return metadata.annotations?.[BIND_COMPLETED] !== undefined && bound !== '' && bound !== volumeName;
}

async function proveUnused(
  live: LiveReads,
  of: CsiVolumeName,
  volumeName: string | undefined,
  signal?: AbortSignal,
): Promise<Facts> {
  const volumes = await live.list(persistentVolumes, {}, signal);
  const twin = volumes.items.find(
    ({ metadata, spec }) => metadata.name !== volumeName && isSameBackend(spec?.csi, of),
  );
  if (twin !== undefined)
    return refused(`volume "${twin.metadata.name}" has the same driver and volumeHandle`);
  const attachments = await live.list(volumeAttachments, {}, signal);
  const attachment = attachments.items.find(
    ({ metadata, spec }) =>
      metadata.name === attachmentName(of, spec.nodeName) ||
      (volumeName !== undefined && spec.source.persistentVolumeName === volumeName),
  );
  if (attachment !== undefined) {
    return refused(`attachment "${attachment.metadata.name}" to node "${attachment.spec.nodeName}" exists`);
  }
  const all = await live.list(nodes, {}, signal);
  const user = all.items.find((node) => !isOutOfService(node) && usesVolume(node, of));
  if (user !== undefined)
    return refused(`node "${user.metadata.name}" reports the volume in use or attached`);
  return facts(
    {
      object: 'persistentvolumes',
      resourceVersion: volumes.resourceVersion,
      shows: 'no other has this handle',
    },
    {
      object: 'volumeattachments',
      resourceVersion: attachments.resourceVersion,
      shows: 'none of this volume',
    },
    { object: 'nodes', resourceVersion: all.resourceVersion, shows: 'none uses this volume' },
  );
}

function isSameBackend(csi: CsiVolumeName | undefined, of: CsiVolumeName): boolean {
  return csi !== undefined && csi.driver === of.driver && csi.volumeHandle === of.volumeHandle;
}

function usesVolume(node: Node, of: CsiVolumeName): boolean {
  const attachment = attachmentName(of, node.metadata.name ?? '');
  const attached = node.status?.volumesAttached?.map(({ name }) => name);
  return lists(node.status?.volumesInUse, node, attachment) || lists(attached, node, attachment);
}

async function proveUnwanted(
  live: LiveReads,
  nodeName: string,
  volumeName: string | undefined,
  signal?: AbortSignal,
): Promise<Facts> {
  if (volumeName === undefined) return refused('the attachment names no volume');
  const volume = await live.find(persistentVolumes, { name: volumeName }, signal);
  const onNode = await live.list(pods, { fieldSelector: `spec.nodeName=${nodeName}` }, signal);
  const user = onNode.items.find((pod) => volume !== undefined && wants(pod, nodeName, volume));
  if (user !== undefined) return refused(`pod "${podLabel(user)}" on node "${nodeName}" wants the volume`);
  return facts({
    object: 'pods',
    resourceVersion: onNode.resourceVersion,
    shows: `none on ${nodeName} wants it`,
  });
}

/** True when the pod is on the node, has not ended, and uses the claim that the volume points at. */
function wants(pod: Pod, nodeName: string, { spec }: PersistentVolume): boolean {
  const claim = spec?.claimRef;
  if (claim === undefined || isTerminal(pod) || pod.spec?.nodeName !== nodeName) return false;
  if (pod.metadata.namespace !== claim.namespace) return false;
  return claimsOfPod(pod).some(({ claimName }) => claimName === claim.name);
}

export function facts(...evidence: readonly Evidence[]): Facts {
  return { kind: 'proven', proof: evidence };
}

export function seen(plural: string, object: Stored<ApiObject>, shows: string): Evidence {
  const { uid, resourceVersion } = object.metadata;
  return { object: `${plural}/${keyOf(object)}`, uid, resourceVersion, shows };
}
