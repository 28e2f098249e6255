// Proofs that something found on this node may be taken down (law 4). Only the functions of this file make them, and
// only from reads made now: the desired world is complete, the API's own list says that the pod has ended, the runtime
// says that its containers have, and the kernel shows what the record says, or nothing. Rules AGT54 to AGT57.
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { pods } from '#api/resources.ts';
import type { ApiClient } from '#client/api-client.ts';
import type { Host, MountEntry } from '#host/host.ts';
import { isTerminal } from '#rules/pod-state.ts';
import { mountsAtPath, mountsBelow } from '#volumes/mount-table.ts';
import type { UnmountProof } from '#volumes/unmount-proof.ts';
import { ownPodsQuery } from '../node/node-scope.ts';
import type { NodePaths } from '../paths.ts';
import type { PodRuntimeClient } from '../runtime/pod-runtime.ts';
import type { DesiredWorld } from './desired-world.ts';
import type { PublishRecord, SeenMount, StageRecord } from './mount-record.ts';
import type { RecordStore } from './record-store.ts';

export interface ProofDeps {
  readonly api: ApiClient;
  readonly host: Pick<Host, 'mounts'>;
  readonly runtime: Pick<PodRuntimeClient, 'observe'>;
  readonly desired: DesiredWorld;
  readonly records: RecordStore;
  readonly paths: NodePaths;
  readonly nodeName: string;
  readonly bootId: string;
}

/** What was to be taken down is still needed, or is not what the record says. Nothing was done. */
export class UnprovenError extends Error {
  override readonly name = 'UnprovenError';
}

function unproven(subject: string, because: string): UnprovenError {
  return new UnprovenError(`Cannot take down "${subject}": ${because}`);
}

/** Allows undoing what stands in the pod's own directory: its containers, and by the API's word the pod, have ended. */
export async function provePodEnded(deps: ProofDeps, podUid: string): Promise<UnmountProof> {
  const subject = deps.paths.pod(podUid);
  return proven(subject, await podEvidence(deps, subject, podUid));
}

/** Allows removing the pod's directory: besides, nothing is recorded of it and nothing is mounted below. */
export async function provePodEmpty(deps: ProofDeps, podUid: string): Promise<UnmountProof> {
  const subject = deps.paths.pod(podUid);
  const evidence = await podEvidence(deps, subject, podUid);
  const record = deps.records.publishes().find((one) => one.podUid === podUid);
  if (record !== undefined) throw unproven(subject, `volume "${record.key}" is still recorded there`);
  const [mount] = mountsBelow(await deps.host.mounts.table(), subject);
  if (mount !== undefined) throw unproven(subject, `"${mount.mountPoint}" is mounted, which nobody recorded`);
  return proven(subject, [...evidence, 'nothing recorded, nothing mounted below']);
}

/** Allows taking one volume out of one pod. */
export async function proveUnpublish(deps: ProofDeps, record: PublishRecord): Promise<UnmountProof> {
  const { target, podUid } = record;
  if (deps.desired.has(podUid)) throw unproven(target, `pod ${podUid} is wanted here`);
  const evidence = await podEvidence(deps, target, podUid);
  const stack = mountsAtPath(await deps.host.mounts.table(), target);
  // Of a boot that has ended, or of a step without an answer, the record knows no mount: the target is its own word.
  const seen = record.bootId === deps.bootId ? record.seen : undefined;
  if (stack.length > 0 && seen !== undefined && !stack.some((entry) => isSeen(entry, seen))) {
    throw unproven(target, `${whatStands(stack)}, recorded is mount ${seen.mountId} of ${seen.source}`);
  }
  return proven(target, [...evidence, stack.length === 0 ? 'nothing is mounted there' : whatStands(stack)]);
}

/** Allows unstaging a volume: no pod of this node has a mount of it, recorded or not. */
export async function proveUnstage(deps: ProofDeps, record: StageRecord): Promise<UnmountProof> {
  const { stagePath, persistentVolume } = record.csi;
  if (!deps.desired.isComplete) throw unproven(stagePath, 'not every pod of this node is known yet');
  const holder = deps.records.publishes().find((one) => one.csi?.volume === record.key);
  if (holder !== undefined) throw unproven(stagePath, `pod ${holder.podUid} still has it, by its record`);
  const unknown = (await livePods(deps)).find((pod) => !hasEnded(pod) && !deps.desired.has(pod.metadata.uid));
  if (unknown !== undefined) throw unproven(stagePath, `pod ${unknown.metadata.uid} is not known here yet`);
  const table = await deps.host.mounts.table();
  const suffix = `/volumes/kubernetes.io~csi/${persistentVolume}/mount`;
  const use = mountsBelow(table, deps.paths.pods).find((entry) => entry.mountPoint.endsWith(suffix));
  if (use !== undefined) throw unproven(stagePath, `"${use.mountPoint}" is mounted, which nobody recorded`);
  const stack = mountsAtPath(table, stagePath);
  const seen = record.bootId === deps.bootId ? record.seen : undefined;
  if (stack.length > 0 && seen !== undefined && !stack.some((entry) => isSeen(entry, seen))) {
    throw unproven(stagePath, `${whatStands(stack)}, recorded is mount ${seen.mountId} of ${seen.source}`);
  }
  return proven(stagePath, [
    'the desired world is complete',
    'no pod has a mount of it',
    stack.length === 0 ? 'nothing is mounted at the stage path' : whatStands(stack),
  ]);
}

async function podEvidence(deps: ProofDeps, subject: string, podUid: string): Promise<readonly string[]> {
  if (!deps.desired.isComplete) throw unproven(subject, 'not every pod of this node is known yet');
  const [live, { runs, sandboxes }] = await Promise.all([livePods(deps), deps.runtime.observe(podUid)]);
  const pod = live.find(({ metadata }) => metadata.uid === podUid);
  if (pod !== undefined && !hasEnded(pod)) {
    throw unproven(subject, `the API has pod "${pod.metadata.name}", neither deleted nor ended`);
  }
  const alive = runs.find(({ state }) => state === 'running' || state === 'unknown');
  if (alive !== undefined) throw unproven(subject, `container "${alive.name}" is ${alive.state}`);
  if (sandboxes.some(({ isReady }) => isReady)) throw unproven(subject, 'the sandbox of its pod is ready');
  const version = pod?.metadata.resourceVersion;
  return [
    'the desired world is complete',
    pod === undefined ? 'the API has no such pod' : `the API's pod at ${version ?? ''} is deleted or ended`,
    `the runtime has ${runs.length} containers of it, all ended`,
  ];
}

async function livePods({ api, nodeName }: ProofDeps): Promise<readonly Stored<Pod>[]> {
  return (await api.list(pods, ownPodsQuery(nodeName))).items;
}

function hasEnded(pod: Stored<Pod>): boolean {
  return pod.metadata.deletionTimestamp !== undefined || isTerminal(pod);
}

function isSeen(entry: MountEntry, seen: SeenMount): boolean {
  // Records of the first release have no source.
  const isSource = seen.source === '' || entry.source === seen.source;
  return isSource && entry.mountId === seen.mountId && entry.device === seen.device;
}

function whatStands(stack: readonly MountEntry[]): string {
  return `there stand ${stack.map(({ mountId, source }) => `mount ${mountId} of ${source}`).join(', ')}`;
}

function proven(subject: string, evidence: readonly string[]): UnmountProof {
  const proof = { subject, evidence };
  // The one place that may: everything above was read now.
  return proof as UnmountProof;
}
