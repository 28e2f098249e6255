// Puts the parts of the agent together and lets each tell the others what changed: events go from the API, the
// runtime, the drivers and the Node to the keys of three queues (node, pods, volumes).
import { messageOf } from '#base/errors.ts';
import type { InformerSource } from '#client/informer.ts';
import { WorkQueue } from '#client/work-queue.ts';
import { ownedTreeRemoval } from '#host/remove-owned-tree.ts';
import { configMapType } from '#volumes/config-map/config-map.ts';
import { emptyDirType } from '#volumes/empty-dir/empty-dir.ts';
import { hostPathType } from '#volumes/host-path/host-path.ts';
import { downwardApiType, projectedType } from '#volumes/projected/projected.ts';
import { secretType } from '#volumes/secret/secret.ts';
import type { AgentDeps } from './deps.ts';
import { runHeartbeat } from './node/heartbeat.ts';
import type { MachineFacts } from './node/machine.ts';
import type { NodeIdentity, Readiness } from './node/node-object.ts';
import { NodeWriter } from './node/node-writer.ts';
import type { NodePaths } from './paths.ts';
import { DriverRegistry } from './plugins/driver-registry.ts';
import { refreshLimit, watchLimits } from './plugins/limit-watch.ts';
import { PluginWatcher } from './plugins/plugin-watcher.ts';
import { watchEmptyDirLimits } from './pods/empty-dir-limits.ts';
import type { NodePods } from './pods/node-pods.ts';
import { PodWorkers } from './pods/pod-workers.ts';
import type { Rejection } from './pods/status.ts';
import { Probes, type ProbesDeps } from './probes/probes.ts';
import { tellVolumes } from './pods/volume-events.ts';
import type { PodRuntimeClient } from './runtime/pod-runtime.ts';
import { RuntimeWatch } from './runtime/runtime-watch.ts';
import type { DesiredWorld } from './world/desired-world.ts';
import type { LocalTypes } from './world/operation-deps.ts';
import type { RecordStore } from './world/record-store.ts';
import { VolumeWorld } from './world/volume-world.ts';

export interface NodeStart {
  readonly paths: NodePaths;
  readonly records: RecordStore;
  readonly desired: DesiredWorld;
  readonly runtime: PodRuntimeClient;
  readonly informers: InformerSource;
  readonly pods: NodePods;
  readonly identity: NodeIdentity;
  readonly facts: MachineFacts;
  readonly runtimeName: string;
  readonly usesImages: boolean;
}

export interface NodeParts {
  run(signal: AbortSignal): Promise<void>;
}

/** Pods in flight at once. */
const POD_CONCURRENCY = 32;
/** A pass that failed for want of the API or the runtime is tried again soon, then more and more slowly. */
const POD_BACKOFF = { firstMs: 50, maxMs: 30_000 };
/** The Node's status is looked at this often; it is written only when it differs. */
const NODE_LOOK_MS = 10_000;

function localTypes({ host, tree, clock, trees }: AgentDeps): LocalTypes {
  const removeOwnedTree = ownedTreeRemoval(trees, 'empty-dir');
  const payload = { tree, clock, removeOwnedTree, host };
  return {
    'empty-dir': emptyDirType({ host, tree, removeOwnedTree }),
    'host-path': hostPathType({ host }),
    configmap: configMapType({ tree, clock, removeOwnedTree }),
    secret: secretType(payload),
    projected: projectedType(payload),
    'downward-api': downwardApiType(payload),
  };
}

export function assembleNode(deps: AgentDeps, start: NodeStart): NodeParts {
  const { nodeName } = deps;
  const changed = {
    node: (): void => nodeQueue.enqueue(nodeName),
    pod: (uid: string): void => podQueue.enqueue(uid),
  };
  const watch = new RuntimeWatch({
    ...deps,
    runtime: start.runtime,
    podChanged: changed.pod,
    healthChanged: changed.node,
  });
  const readiness = (): Readiness =>
    watch.isHealthy
      ? { isReady: true, message: 'holdfast agent is posting ready status' }
      : { isReady: false, message: 'the container runtime does not answer' };
  const node = new NodeWriter({ ...deps, ...start, readiness, volumesInUse: () => volumes.volumesInUse() });
  const drivers = new DriverRegistry();
  const volumes = new VolumeWorld({
    ...deps,
    ...start,
    drivers,
    node,
    bootId: start.identity.bootId,
    local: localTypes(deps),
    podChanged: changed.pod,
    inUseChanged: changed.node,
    nodeIsFull: ({ driver, podUids, message }) => {
      const reject = rejector({ workers, podQueue });
      for (const uid of podUids) reject(uid, { reason: 'VolumeAttachmentLimitExceeded', message });
      // The scheduler must not send the next one here (AGT88).
      void refreshLimit({ ...deps, drivers, node }, driver);
    },
  });
  const probes = nodeProbes(deps, start.runtime, changed.pod);
  const workers = new PodWorkers({
    ...deps,
    ...start,
    volumes,
    cached: start.pods.byUid,
    logsRoot: deps.podLogsRoot,
    agentId: start.runtime.agentId,
    hostIp: deps.internalIp,
    bootId: start.identity.bootId,
    probes,
    tellVolumes: (pod, state) => tellVolumes(deps.events, pod, state),
  });
  const nodeQueue = new WorkQueue({
    ...deps,
    name: 'node',
    concurrency: 1,
    reconcile: (_key, signal) => node.reconcile(signal),
  });
  const podQueue = new WorkQueue({
    ...deps,
    name: 'pods',
    concurrency: POD_CONCURRENCY,
    backoff: POD_BACKOFF,
    reconcile: (uid) => workers.reconcile(uid),
  });
  node.onChange(() => volumes.lookAgain());
  drivers.onChange(() => volumes.lookAgain());
  const plugins = new PluginWatcher({ ...deps, directory: start.paths.registry, drivers, node });
  return {
    run: (signal) =>
      runParts(
        deps,
        start,
        { node, nodeQueue, podQueue, drivers, plugins, probes, volumes, watch, workers },
        signal,
      ),
  };
}

function nodeProbes(
  deps: AgentDeps,
  runtime: PodRuntimeClient,
  podChanged: (podUid: string) => void,
): Probes {
  const exec: ProbesDeps['exec'] = (id, command, timeoutMs) => runtime.execSync(id, command, timeoutMs);
  return new Probes({ ...deps, exec, hostIp: deps.internalIp, podChanged });
}

interface Running {
  readonly node: NodeWriter;
  readonly nodeQueue: WorkQueue;
  readonly podQueue: WorkQueue;
  readonly drivers: DriverRegistry;
  readonly plugins: PluginWatcher;
  readonly probes: Probes;
  readonly volumes: VolumeWorld;
  readonly watch: RuntimeWatch;
  readonly workers: PodWorkers;
}

async function runParts(
  deps: AgentDeps,
  start: NodeStart,
  parts: Running,
  signal: AbortSignal,
): Promise<void> {
  const { clock, nodeName } = deps;
  const unfollow = parts.node.follow(start.informers);
  const unsubscribe = start.pods.informer.subscribe(({ kind, object }) => {
    if (object.spec?.nodeName !== nodeName) return;
    if (kind !== 'deleted') parts.workers.learn(object);
    parts.podQueue.enqueue(object.metadata.uid);
  });
  const lookAtNode = (): void => {
    if (signal.aborted) return;
    parts.nodeQueue.enqueue(nodeName);
    clock.after(NODE_LOOK_MS, 'periodic', lookAtNode);
  };
  lookAtNode();
  try {
    await Promise.all([
      parts.nodeQueue.run(signal),
      runHeartbeat({ ...deps, node: parts.node }, signal),
      parts.plugins.run(signal),
      watchLimits({ ...deps, ...parts }, signal),
      parts.watch.run(signal),
      runPods(deps, start, parts, signal),
      watchEmptyDirLimits({ ...deps, desired: start.desired, reject: rejector(parts) }, signal),
    ]);
  } finally {
    parts.probes.stop();
    unsubscribe();
    unfollow();
  }
}

function rejector({
  workers,
  podQueue,
}: Pick<Running, 'workers' | 'podQueue'>): (podUid: string, rejection: Rejection) => void {
  return (podUid, rejection) => {
    workers.reject(podUid, rejection);
    podQueue.enqueue(podUid);
  };
}

/** Pods and volumes begin only with a complete list of this node's pods. */
async function runPods(
  deps: AgentDeps,
  start: NodeStart,
  parts: Running,
  signal: AbortSignal,
): Promise<void> {
  await start.pods.informer.whenSynced(signal);
  if (signal.aborted) return;
  start.desired.complete();
  for (const uid of await leftPods(deps, start)) parts.podQueue.enqueue(uid);
  await Promise.all([parts.podQueue.run(signal), parts.volumes.run(signal)]);
}

/** The pods that have left something on this node: records, directories, sandboxes. Their workers decide. */
async function leftPods(
  { tree, log }: AgentDeps,
  { runtime, paths, records }: NodeStart,
): Promise<Set<string>> {
  const uids = new Set(await tree.list(paths.pods));
  for (const record of records.publishes()) uids.add(record.podUid);
  try {
    const { sandboxes } = await runtime.list();
    for (const { metadata } of sandboxes) if (metadata !== null) uids.add(metadata.uid);
  } catch (error) {
    // The runtime watch finds them later.
    log.warn('the runtime could not be asked for its pods', { error: messageOf(error) });
  }
  return uids;
}
