// Nodes without a kernel: they keep the attach and mount protocol of DESIGN.md (volumesInUse before the mount,
// volumesAttached and an attachment of this boot, the way back in reverse), run pods whose volumes are there and end
// pods that are deleted. Thousands of them fit into one loop; `HollowKernel` holds their mounts and outlives them.
import type { Node } from '#api/generated/core-v1.ts';
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
import { assertNever } from '#base/assert.ts';
import { formatMicroTime, formatTime } from '#base/clock.ts';
import { hasReason } from '#client/api-error.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import type { Outcome } from '#client/outcome.ts';
import { runLoop } from '#client/run-loop.ts';
import { claimKeyOf } from '#rules/claim-ref.ts';
import { claimKeysOfPod } from '#rules/pod-volumes.ts';
import { isNodeReady } from '#rules/taints.ts';
import { HONOURS_BOOT_ID } from '#rules/well-known.ts';
import { decideHollowNode, type HollowStep } from './decide.ts';
import type { HollowKernel } from './kernel.ts';
import { type HollowCaches, observeHollowNode, PODS_BY_NODE } from './view.ts';

export interface HollowNodeOptions {
  readonly names: readonly string[];
  readonly kernel: HollowKernel;
  /** Drivers registered on each node; the node ID is the node's name. */
  readonly drivers?: readonly {
    readonly name: string;
    readonly topologyKey?: string;
    readonly limit?: number;
  }[];
  readonly allocatable?: Readonly<Record<string, string>>;
  readonly labels?: (node: string) => Readonly<Record<string, string>>;
  /** How often each node renews its Lease; 0: never, for worlds in which nothing looks at it. Default 10 s. */
  readonly heartbeatMs?: number;
}

const ALLOCATABLE = { cpu: '64', memory: '256Gi', pods: '250', 'ephemeral-storage': '1Ti' };
const CLAIM_PODS = 'hollow/claim';

/** The agents of `names`, as one service. */
export function hollowNode(deps: LoopDeps, options: HollowNodeOptions): Service {
  const { informers } = deps;
  const caches: HollowCaches = {
    nodes: informers.informer(nodes),
    pods: informers.informer(pods, {
      [PODS_BY_NODE]: ({ spec }) => ((spec?.nodeName ?? '') === '' ? [] : [spec?.nodeName ?? '']),
      [CLAIM_PODS]: claimKeysOfPod,
    }),
    claims: informers.informer(persistentVolumeClaims),
    volumes: informers.informer(persistentVolumes),
    drivers: informers.informer(csiDrivers),
    attachments: informers.informer(volumeAttachments),
  };
  const own = new Set(options.names);
  const beats = new Map<string, number>();
  return runLoop(deps, {
    name: 'hollow-nodes',
    concurrency: 64,
    reconcile: async (name, signal) => {
      try {
        return await new Pass(deps, options, caches, beats).run(name, signal);
      } catch (error) {
        return { kind: 'failed', error };
      }
    },
    connect: (enqueue) => {
      const wake = (name: string | undefined): void => {
        if (name !== undefined && own.has(name)) enqueue(name);
      };
      const wakeUsers = (claim: string | undefined): void => {
        for (const pod of caches.pods.byIndex(CLAIM_PODS, claim ?? '')) wake(pod.spec?.nodeName);
      };
      for (const name of own) enqueue(name);
      return [
        caches.nodes.subscribe(({ object }) => wake(object.metadata.name)),
        caches.pods.subscribe(({ object }) => wake(object.spec?.nodeName)),
        caches.claims.subscribe(({ object }) =>
          wakeUsers(`${object.metadata.namespace ?? ''}/${object.metadata.name}`),
        ),
        caches.volumes.subscribe(({ object }) => wakeUsers(claimKeyOf(object))),
        caches.attachments.subscribe(({ object }) => wake(object.spec.nodeName)),
      ];
    },
  });
}

class Pass {
  readonly #deps: LoopDeps;
  readonly #options: HollowNodeOptions;
  readonly #caches: HollowCaches;
  readonly #beats: Map<string, number>;

  constructor(deps: LoopDeps, options: HollowNodeOptions, caches: HollowCaches, beats: Map<string, number>) {
    this.#deps = deps;
    this.#options = options;
    this.#caches = caches;
    this.#beats = beats;
  }

  async run(name: string, signal: AbortSignal): Promise<Outcome> {
    const { kernel } = this.#options;
    const node = this.#caches.nodes.get(name);
    const isStated = node?.status?.nodeInfo?.bootID === kernel.bootId(name) && isNodeReady(node);
    if (node === undefined || !isStated) return this.#register(name, signal);
    const actual = { bootId: kernel.bootId(name), mounts: kernel.mounts(name) };
    const step = decideHollowNode(observeHollowNode(this.#caches, node, actual));
    return step.kind === 'rest' ? this.#rest(name, signal) : this.#carryOut(node, step, signal);
  }

  async #carryOut(
    node: Stored<Node>,
    step: Exclude<HollowStep, { readonly kind: 'rest' }>,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { kernel } = this.#options;
    const { api } = this.#deps;
    switch (step.kind) {
      case 'unmount':
        for (const mount of step.mounts) kernel.unmount(mount);
        return { kind: 'progressed' };
      case 'mount':
        for (const mount of step.mounts) kernel.mount(mount);
        return { kind: 'progressed' };
      case 'report': {
        const { name, resourceVersion } = node.metadata;
        const patch = { metadata: { resourceVersion }, status: { volumesInUse: step.volumesInUse } };
        const how = { type: 'merge', patch, subresource: 'status' } as const;
        return this.#wrote('nodes', await api.patch(nodes, { name }, how, signal));
      }
      case 'run': {
        const status = { ...step.pod.status, phase: 'Running' as const };
        return this.#wrote('pods', await api.updateStatus(pods, { ...step.pod, status }, signal));
      }
      case 'remove': {
        const { namespace = '', name, uid } = step.pod.metadata;
        const how = { gracePeriodSeconds: 0, preconditions: { uid } };
        await this.#tolerate('NotFound', api.delete(pods, { namespace, name }, how, signal));
        return { kind: 'settled' }; // its event brings the key back
      }
      default:
        return assertNever(step);
    }
  }

  #wrote(
    cache: 'nodes' | 'pods',
    { metadata }: { readonly metadata: { readonly resourceVersion: string } },
  ): Outcome {
    const { resourceVersion } = metadata;
    return { kind: 'progressed', wrote: { informer: this.#caches[cache], resourceVersion } };
  }

  /** Makes Node and CSINode as a kubelet does at start, and states the boot. */
  async #register(name: string, signal: AbortSignal): Promise<Outcome> {
    const { api, clock } = this.#deps;
    const { drivers = [], labels, allocatable = ALLOCATABLE, kernel } = this.#options;
    const topology = drivers.flatMap(({ topologyKey }) =>
      topologyKey === undefined ? [] : [[topologyKey, name]],
    );
    const metadata = {
      name,
      labels: { 'kubernetes.io/hostname': name, ...Object.fromEntries(topology), ...labels?.(name) },
      annotations: { [HONOURS_BOOT_ID]: 'true' },
    };
    await this.#tolerate('AlreadyExists', api.create(nodes, { metadata }, signal));
    const entries = drivers.map((driver) => ({
      name: driver.name,
      nodeID: name,
      topologyKeys: driver.topologyKey === undefined ? [] : [driver.topologyKey],
      ...(driver.limit === undefined ? {} : { allocatable: { count: driver.limit } }),
    }));
    await this.#tolerate(
      'AlreadyExists',
      api.create(csiNodes, { metadata: { name }, spec: { drivers: entries } }, signal),
    );
    await this.#beat(name, signal);
    const at = formatTime(clock.now());
    const ready = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'hollow' };
    const status = {
      conditions: [{ ...ready, lastHeartbeatTime: at, lastTransitionTime: at }],
      allocatable,
      capacity: allocatable,
      nodeInfo: { bootID: kernel.bootId(name) },
      // A node that has just booted uses nothing; one whose agent restarts says what it finds.
      volumesInUse: [...new Set(kernel.mounts(name).map(({ backend }) => backend))].sort(),
    };
    const how = { type: 'merge', patch: { status }, subresource: 'status' } as const;
    return this.#wrote('nodes', await api.patch(nodes, { name }, how, signal));
  }

  async #rest(name: string, signal: AbortSignal): Promise<Outcome> {
    const { heartbeatMs = 10_000 } = this.#options;
    if (heartbeatMs === 0) return { kind: 'settled' };
    const due = (this.#beats.get(name) ?? 0) + heartbeatMs - this.#deps.clock.elapsed();
    if (due <= 0) await this.#beat(name, signal);
    return { kind: 'blocked', because: 'the next heartbeat', retryAfterMs: due <= 0 ? heartbeatMs : due };
  }

  async #beat(name: string, signal: AbortSignal): Promise<void> {
    const { api, clock } = this.#deps;
    const key = { namespace: 'kube-node-lease', name };
    const renewTime = formatMicroTime(clock.now());
    const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime };
    const isNew = await this.#tolerate('AlreadyExists', api.create(leases, { metadata: key, spec }, signal));
    if (!isNew) await api.patch(leases, key, { type: 'merge', patch: { spec } }, signal);
    this.#beats.set(name, clock.elapsed());
  }

  /** True when it succeeded, false when it failed for the reason named. */
  async #tolerate(reason: string, write: Promise<unknown>): Promise<boolean> {
    try {
      await write;
      return true;
    } catch (error) {
      if (!hasReason(error, reason)) throw error;
      return false;
    }
  }
}
