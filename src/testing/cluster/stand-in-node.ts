// A node whose mounts are the scripted driver's own paths, so that every NodeStage and NodePublish is in the driver's
// log (testing/hollow-node makes no calls and is for thousands of nodes). It keeps the attach and mount protocol of
// DESIGN.md: reports what it uses, waits until that is stored and the volume is offered, stages, publishes; and the way
// back. Pods whose volumes are there run.
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '#api/generated/core-v1.ts';
import type { CSIDriver, VolumeAttachment } from '#api/generated/storage-v1.ts';
import type { JsonObject } from '#api/json.ts';
import type { Stored } from '#api/object.ts';
import {
  csiDrivers,
  csiNodes,
  leases,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from '#api/resources.ts';
import { growOnNode } from '#agent/world/expand-operation.ts';
import { formatMicroTime, formatTime, sleep } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import { ApiError } from '#client/api-error.ts';
import type { Informer } from '#client/informer.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import type { Outcome } from '#client/outcome.ts';
import { runLoop } from '#client/run-loop.ts';
import type { CsiConnection } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { VolumeCapability } from '#csi/generated/csi.ts';
import { attachmentName, uniqueVolumeName } from '#rules/attachment-name.ts';
import { isTerminal } from '#rules/pod-state.ts';
import { BOOT_ID, HONOURS_BOOT_ID } from '#rules/well-known.ts';
import type { Backend, NodePath } from '../simulation/backend.ts';

export interface StandInOptions {
  readonly name: string;
  readonly driver: string;
  readonly bootId: string;
  readonly connection: CsiConnection;
  /** The driver's memory: what is mounted here. */
  readonly backend: Backend;
  readonly topologyKey?: string | undefined;
  /** Volumes of the driver that fit on the node; 0 is without bound. */
  readonly limit: number;
}

const CALL = { timeoutMs: 15_000 };
const KEY = 'node';
const SETTLED: Outcome = { kind: 'settled' };

interface Caches {
  readonly node: Informer<Node>;
  readonly pods: Informer<Pod>;
  readonly volumes: Informer<PersistentVolume>;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly attachments: Informer<VolumeAttachment>;
  readonly drivers: Informer<CSIDriver>;
}

/** One mount that a pod wants. */
interface Want {
  readonly pod: Stored<Pod>;
  readonly volume: Stored<PersistentVolume>;
  readonly target: string;
  readonly staging: string;
  readonly readonly: boolean;
}

/** The agent's loop. Its pods are those whose nodeName is its own. */
export function standInNode(deps: LoopDeps, options: StandInOptions): Service {
  const { informers } = deps;
  const caches: Caches = {
    node: informers.informer(nodes),
    pods: informers.informer(pods),
    volumes: informers.informer(persistentVolumes),
    claims: informers.informer(persistentVolumeClaims),
    attachments: informers.informer(volumeAttachments),
    drivers: informers.informer(csiDrivers),
  };
  const pass = new Pass(deps, options, caches);
  const loop = runLoop(deps, {
    name: `node-${options.name}`,
    concurrency: 1,
    reconcile: (_, signal) => pass.run(signal),
    connect: (enqueue) =>
      Object.values(caches).flatMap((cache: Informer<never>) =>
        'subscribe' in cache ? [cache.subscribe(() => enqueue(KEY))] : [],
      ),
  });
  return {
    name: loop.name,
    async run(signal) {
      await register(deps, options);
      await Promise.all([loop.run(signal), heartbeats(deps, options.name, signal)]);
    },
  };
}

/** Makes the Node, its CSINode and its Lease, as a kubelet does at start. */
async function register({ api, clock }: LoopDeps, options: StandInOptions): Promise<void> {
  const { name, driver, bootId, topologyKey, limit } = options;
  const labels = topologyKey === undefined ? {} : { [topologyKey]: name };
  const topologyKeys = topologyKey === undefined ? [] : [topologyKey];
  const allocatableHere = limit === 0 ? {} : { allocatable: { count: limit } };
  const drivers = [{ name: driver, nodeID: name, topologyKeys, ...allocatableHere }];
  await onceOnly(() =>
    api.create(nodes, { metadata: { name, labels, annotations: { [HONOURS_BOOT_ID]: 'true' } } }),
  );
  const at = formatTime(clock.now());
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: 'KubeletReady',
    message: 'ready',
    lastHeartbeatTime: at,
    lastTransitionTime: at,
  } as const;
  const allocatable = { cpu: '64', memory: '64Gi', pods: '1000' };
  const status = { conditions: [ready], allocatable, nodeInfo: { bootID: bootId } };
  await untilWritten(api, name, status);
  await onceOnly(() => api.create(csiNodes, { metadata: { name }, spec: { drivers } }));
  const lease = {
    metadata: { namespace: 'kube-node-lease', name },
    spec: { renewTime: formatMicroTime(clock.now()) },
  };
  await onceOnly(() => api.create(leases, lease));
}

/** Others write to a new node too; only a conflict is worth another try. */
async function untilWritten(api: LoopDeps['api'], name: string, status: JsonObject): Promise<void> {
  for (;;) {
    const { resourceVersion } = (await api.get(nodes, { name })).metadata;
    const patch = { metadata: { resourceVersion }, status };
    try {
      await api.patch(nodes, { name }, { type: 'merge', patch, subresource: 'status' });
      return;
    } catch (error) {
      if (!(error instanceof ApiError) || error.reason !== 'Conflict') throw error;
    }
  }
}

// Half of what node-lifecycle forgives: with an agent killed just before a beat, the next one is still in time.
const HEARTBEAT_MS = 15_000;

async function heartbeats({ api, clock }: LoopDeps, name: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(clock, HEARTBEAT_MS, 'periodic', signal);
    const patch = { spec: { renewTime: formatMicroTime(clock.now()) } };
    await api.patch(leases, { namespace: 'kube-node-lease', name }, { type: 'merge', patch }, signal);
  }
}

async function onceOnly<T>(create: () => Promise<T>): Promise<T | undefined> {
  try {
    return await create();
  } catch (error) {
    if (error instanceof ApiError && error.reason === 'AlreadyExists') return undefined;
    throw error;
  }
}

class Pass {
  readonly #deps: LoopDeps;
  readonly #options: StandInOptions;
  readonly #caches: Caches;

  constructor(deps: LoopDeps, options: StandInOptions, caches: Caches) {
    this.#deps = deps;
    this.#options = options;
    this.#caches = caches;
  }

  /** One step, the most urgent first: what is to go, what is reported, what is to come, what runs. */
  async run(signal: AbortSignal): Promise<Outcome> {
    try {
      return await this.#step(signal);
    } catch (error) {
      if (error instanceof CsiError || error instanceof ApiError) return { kind: 'failed', error };
      throw new Error(`node "${this.#options.name}": ${messageOf(error)}`, { cause: error });
    }
  }

  async #step(signal: AbortSignal): Promise<Outcome> {
    const node = this.#caches.node.get(this.#options.name);
    if (node === undefined) return SETTLED;
    const mine = [...this.#caches.pods.list()].filter((pod) => pod.spec?.nodeName === this.#options.name);
    const wants = mine.filter((pod) => !isLeaving(pod)).flatMap((pod) => this.#wants(pod));
    const there = [...this.#options.backend.paths.values()].filter((p) => p.nodeId === this.#options.name);
    return (
      (await this.#takeAway(wants, there)) ??
      (await this.#report(node, wants, there, signal)) ??
      (await this.#bring(node, wants, there)) ??
      (await this.#grow(wants, there)) ??
      (await this.#finish(mine, wants, there, signal)) ??
      SETTLED
    );
  }

  #wants(pod: Stored<Pod>): readonly Want[] {
    return (pod.spec?.volumes ?? []).flatMap((source) => {
      const name = claimNameOf(pod, source);
      const claim = this.#caches.claims.get(`${pod.metadata.namespace ?? ''}/${name ?? ''}`);
      const volume = this.#caches.volumes.get(claim?.spec?.volumeName ?? '');
      if (volume?.spec?.csi?.driver !== this.#options.driver) return [];
      const target = `/pods/${pod.metadata.uid}/${volume.metadata.name}`;
      const staging = `/staging/${volume.spec.csi.volumeHandle}`;
      const readonly =
        source.persistentVolumeClaim?.readOnly === true ||
        (volume.spec.accessModes ?? []).every((mode) => mode === 'ReadOnlyMany');
      return [{ pod, volume, target, staging, readonly }];
    });
  }

  async #takeAway(wants: readonly Want[], there: readonly NodePath[]): Promise<Outcome | undefined> {
    const { node } = this.#options.connection;
    for (const path of there.filter(({ kind }) => kind === 'published')) {
      if (wants.some(({ target }) => target === path.path)) continue;
      await node.nodeUnpublishVolume({ volumeId: path.volumeId, targetPath: path.path }, CALL);
      return { kind: 'progressed' };
    }
    for (const path of there.filter(({ kind }) => kind === 'staged')) {
      const isUsed = there.some((p) => p.kind === 'published' && p.volumeId === path.volumeId);
      if (isUsed || wants.some(({ staging }) => staging === path.path)) continue;
      await node.nodeUnstageVolume({ volumeId: path.volumeId, stagingTargetPath: path.path }, CALL);
      return { kind: 'progressed' };
    }
    return undefined;
  }

  async #report(
    node: Stored<Node>,
    wants: readonly Want[],
    there: readonly NodePath[],
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    const { driver } = this.#options;
    const inUse = new Set([
      ...wants.map(({ volume }) =>
        uniqueVolumeName({ driver, volumeHandle: volume.spec?.csi?.volumeHandle ?? '' }),
      ),
      ...there.map(({ volumeId }) => uniqueVolumeName({ driver, volumeHandle: volumeId })),
    ]);
    const volumesInUse = [...inUse].sort();
    if (JSON.stringify(volumesInUse) === JSON.stringify(node.status?.volumesInUse ?? [])) return undefined;
    const patch = { metadata: { resourceVersion: node.metadata.resourceVersion }, status: { volumesInUse } };
    const name = node.metadata.name;
    const written = await this.#deps.api.patch(
      nodes,
      { name },
      { type: 'merge', patch, subresource: 'status' },
      signal,
    );
    const { resourceVersion } = written.metadata;
    return { kind: 'progressed', wrote: { informer: this.#caches.node, resourceVersion } };
  }

  async #bring(
    node: Stored<Node>,
    wants: readonly Want[],
    there: readonly NodePath[],
  ): Promise<Outcome | undefined> {
    for (const want of wants) {
      if (there.some(({ path }) => path === want.target)) continue;
      const context = this.#attached(node, want);
      if (context === undefined) continue;
      const csi = want.volume.spec?.csi;
      const request = {
        volumeId: csi?.volumeHandle ?? '',
        stagingTargetPath: want.staging,
        publishContext: context,
        volumeContext: csi?.volumeAttributes ?? {},
        volumeCapability: capabilityOf(want.volume),
      };
      const service = this.#options.connection.node;
      if (!there.some(({ path }) => path === want.staging)) await service.nodeStageVolume(request, CALL);
      else
        await service.nodePublishVolume(
          { ...request, targetPath: want.target, readonly: want.readonly },
          CALL,
        );
      return { kind: 'progressed' };
    }
    return undefined;
  }

  /** What the driver said when it attached the volume here; undefined: it may not be used yet. */
  #attached(node: Stored<Node>, { volume }: Want): Readonly<Record<string, string>> | undefined {
    const { driver, name, bootId } = this.#options;
    if (this.#caches.drivers.get(driver)?.spec.attachRequired === false) return {};
    const csi = { driver, volumeHandle: volume.spec?.csi?.volumeHandle ?? '' };
    const unique = uniqueVolumeName(csi);
    const attachment = this.#caches.attachments.get(attachmentName(csi, name));
    const isOffered = (node.status?.volumesAttached ?? []).some((offered) => offered.name === unique);
    const isReported = (node.status?.volumesInUse ?? []).includes(unique);
    if (attachment?.status?.attached !== true || !isOffered || !isReported) return undefined;
    if (attachment.metadata.deletionTimestamp !== undefined) return undefined;
    if (attachment.metadata.annotations?.[BOOT_ID] !== bootId) return undefined;
    return attachment.status.attachmentMetadata ?? {};
  }

  /** What the controller side has left to this node: the agent's own operation. */
  async #grow(wants: readonly Want[], there: readonly NodePath[]): Promise<Outcome | undefined> {
    const { claims } = this.#caches;
    for (const { volume, target, staging } of wants) {
      const { namespace = '', name = '', uid = '' } = volume.spec?.claimRef ?? {};
      const status = claims.get(`${namespace}/${name}`)?.status?.allocatedResourceStatuses?.storage ?? '';
      const isDue = status === 'NodeResizePending' || status === 'NodeResizeInProgress';
      if (!isDue || !there.some(({ path }) => path === target)) continue;
      const { driver, connection } = this.#options;
      const registered = { name: driver, node: connection.node, capabilities: new Set(['EXPAND_VOLUME']) };
      await growOnNode(this.#deps, registered, {
        claim: { namespace, name, uid },
        persistentVolume: volume.metadata.name,
        volume: {
          handle: volume.spec?.csi?.volumeHandle ?? '',
          mode: 'Filesystem',
          fsType: '',
          mountFlags: [],
          accessMode: 'SINGLE_NODE_MULTI_WRITER',
          readOnly: false,
          mountGroup: '',
          volumeContext: {},
          publishContext: {},
        },
        volumePath: target,
        stagePath: staging,
        secrets: {},
        grownTo: undefined,
      });
      const { metadata } = await this.#deps.api.get(persistentVolumeClaims, { namespace, name });
      const { resourceVersion } = metadata;
      return { kind: 'progressed', wrote: { informer: claims, resourceVersion } };
    }
    return undefined;
  }

  async #finish(
    mine: readonly Stored<Pod>[],
    wants: readonly Want[],
    there: readonly NodePath[],
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    const { api } = this.#deps;
    for (const pod of mine) {
      const { namespace = '', name, uid } = pod.metadata;
      const claimed = (pod.spec?.volumes ?? []).filter((v) => claimNameOf(pod, v) !== undefined).length;
      const own = wants.filter((want) => want.pod === pod);
      if (pod.metadata.deletionTimestamp !== undefined) {
        await api.delete(
          pods,
          { namespace, name },
          { gracePeriodSeconds: 0, preconditions: { uid } },
          signal,
        );
        return { kind: 'progressed' };
      }
      const isComplete = own.length === claimed && own.every((w) => there.some((p) => p.path === w.target));
      if (!isComplete || pod.status?.phase === 'Running' || isTerminal(pod)) continue;
      const written = await api.updateStatus(
        pods,
        { ...pod, status: { ...pod.status, phase: 'Running' } },
        signal,
      );
      const { resourceVersion } = written.metadata;
      return { kind: 'progressed', wrote: { informer: this.#caches.pods, resourceVersion } };
    }
    return undefined;
  }
}

/** The claim behind a volume of a pod; of an ephemeral one, the claim that is named after both. */
function claimNameOf(
  { metadata }: Stored<Pod>,
  { name, persistentVolumeClaim, ephemeral }: Volume,
): string | undefined {
  return (
    persistentVolumeClaim?.claimName ?? (ephemeral === undefined ? undefined : `${metadata.name}-${name}`)
  );
}

function isLeaving(pod: Stored<Pod>): boolean {
  return pod.metadata.deletionTimestamp !== undefined || isTerminal(pod);
}

function capabilityOf(volume: Stored<PersistentVolume>): Partial<VolumeCapability> {
  const modes = volume.spec?.accessModes ?? [];
  const mode = modes.includes('ReadWriteMany')
    ? 'MULTI_NODE_MULTI_WRITER'
    : modes.includes('ReadOnlyMany')
      ? 'MULTI_NODE_READER_ONLY'
      : modes.includes('ReadWriteOncePod')
        ? 'SINGLE_NODE_SINGLE_WRITER'
        : 'SINGLE_NODE_MULTI_WRITER';
  return {
    accessMode: { mode },
    mount: { fsType: volume.spec?.csi?.fsType ?? '', mountFlags: [], volumeMountGroup: '' },
  };
}
