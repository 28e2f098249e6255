// The node agent: registers its node, keeps its heartbeat, finds drivers, and brings pods and volumes of this node to
// what the API says. Starts in an order that destroys nothing: records are read first, pods are taken from a complete
// cache, and only then may anything be taken down (I-26).
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { nodes, pods } from '#api/resources.ts';
import { messageOf } from '#base/errors.ts';
import type { Service } from '#client/loop.ts';
import { WorkQueue } from '#client/work-queue.ts';
import { ownedTreeRemoval } from '#host/remove-owned-tree.ts';
import { connectRuntime } from '#runtime/cri-client.ts';
import { configMapType } from '#volumes/config-map/config-map.ts';
import { emptyDirType } from '#volumes/empty-dir/empty-dir.ts';
import { hostPathType } from '#volumes/host-path/host-path.ts';
import { secretType } from '#volumes/secret/secret.ts';
import type { AgentDeps } from './deps.ts';
import { runHeartbeat } from './node/heartbeat.ts';
import { NodeWriter } from './node/node-writer.ts';
import { nodePaths } from './paths.ts';
import { DriverRegistry } from './plugins/driver-registry.ts';
import { PluginWatcher } from './plugins/plugin-watcher.ts';
import { PodWorkers } from './pods/pod-workers.ts';
import { tellVolumes } from './pods/volume-events.ts';
import { PodRuntimeClient } from './runtime/pod-runtime.ts';
import { RuntimeWatch } from './runtime/runtime-watch.ts';
import { listenAgentServer } from './server/agent-server.ts';
import { waitForRuntime } from './runtime/wait-for-runtime.ts';
import { DesiredWorld } from './world/desired-world.ts';
import type { LocalTypes } from './world/operation-deps.ts';
import { RecordStore } from './world/record-store.ts';
import { VolumeWorld } from './world/volume-world.ts';

const BY_UID = 'uid';
/** Pods in flight at once. */
const POD_CONCURRENCY = 32;
/** A pass that failed for want of the API or the runtime is tried again soon, then more and more slowly. */
const POD_BACKOFF = { firstMs: 50, maxMs: 30_000 };
/** The Node's status is looked at this often; it is written only when it differs. */
const NODE_LOOK_MS = 10_000;

export function agentService(deps: AgentDeps): Service {
  return { name: 'agent', run: (signal) => runAgent(deps, signal) };
}

function localTypes({ host, tree, clock, trees }: AgentDeps): LocalTypes {
  const removeOwnedTree = ownedTreeRemoval(trees, 'empty-dir');
  return {
    'empty-dir': emptyDirType({ host, tree, removeOwnedTree }),
    'host-path': hostPathType({ tree }),
    configmap: configMapType({ tree, clock, removeOwnedTree }),
    secret: secretType({ tree, clock, removeOwnedTree, host }),
  };
}

async function runAgent(deps: AgentDeps, signal: AbortSignal): Promise<void> {
  const { clock, log, nodeName, host, informers } = deps;
  const paths = nodePaths(deps.kubeletRoot);
  await deps.tree.makeDirectory(paths.pods, 0o750);
  const records = new RecordStore({ files: deps.files, directory: paths.records, log });
  const desired = new DesiredWorld();
  // Reconstruction: from records alone, no network. What is recorded is kept until its pod is known to be gone.
  await records.load();
  for (const record of records.publishes()) desired.enter(record.podUid);

  await using cri = connectRuntime(deps.grpc, deps.criEndpoint);
  const runtime = new PodRuntimeClient(cri);
  const version = await waitForRuntime(deps, runtime, signal);
  if (version === undefined) return;
  const bootId = await host.bootId();
  const facts = await deps.machine.facts(deps.kubeletRoot);

  const podIndex = informers.informer<Pod>(pods, { [BY_UID]: ({ metadata }) => [metadata.uid] });
  informers.informer(nodes);
  const cached = (uid: string): Stored<Pod> | undefined =>
    podIndex.byIndex(BY_UID, uid).find((pod) => pod.spec?.nodeName === nodeName);
  const findPod = (namespace: string, name: string): Stored<Pod> | undefined => {
    const pod = podIndex.get(`${namespace}/${name}`);
    return pod?.spec?.nodeName === nodeName ? pod : undefined;
  };

  await using listener = await listenAgentServer(
    { ...deps, runtime, logs: deps.logFiles, logsRoot: deps.podLogsRoot, findPod },
    deps.listen,
  );

  const identity = {
    nodeName,
    internalIp: deps.internalIp,
    agentPort: listener.port,
    agentVersion: deps.version,
    runtimeVersion: `${version.name}://${version.version}`,
    bootId,
  };
  const readiness = () =>
    watch.isHealthy
      ? { isReady: true, message: 'holdfast agent is posting ready status' }
      : { isReady: false, message: 'the container runtime does not answer' };
  const node = new NodeWriter({
    ...deps,
    identity,
    facts,
    readiness,
    volumesInUse: () => volumes.volumesInUse(),
  });
  const drivers = new DriverRegistry();
  const nodeQueue = new WorkQueue({
    ...deps,
    name: 'node',
    concurrency: 1,
    reconcile: (_key, passSignal) => node.reconcile(passSignal),
  });
  const podQueue = new WorkQueue({
    ...deps,
    name: 'pods',
    concurrency: POD_CONCURRENCY,
    backoff: POD_BACKOFF,
    reconcile: (uid) => workers.reconcile(uid),
  });
  const volumes = new VolumeWorld({
    ...deps,
    paths,
    records,
    desired,
    drivers,
    node,
    bootId,
    local: localTypes(deps),
    podChanged: (uid) => podQueue.enqueue(uid),
    inUseChanged: () => nodeQueue.enqueue(nodeName),
  });
  const watch = new RuntimeWatch({
    clock,
    log,
    runtime,
    podChanged: (uid) => podQueue.enqueue(uid),
    healthChanged: () => nodeQueue.enqueue(nodeName),
  });
  const workers = new PodWorkers({
    ...deps,
    paths,
    records,
    desired,
    volumes,
    runtime,
    cached,
    runtimeName: version.name,
    logsRoot: deps.podLogsRoot,
    hostIp: deps.internalIp,
    tellVolumes: (pod, state) => tellVolumes(deps.events, pod, state),
  });

  node.onChange(() => volumes.lookAgain());
  drivers.onChange(() => volumes.lookAgain());
  const unfollow = node.follow();
  const unsubscribe = podIndex.subscribe(({ kind, object }) => {
    if (object.spec?.nodeName !== nodeName) return;
    if (kind !== 'deleted') workers.learn(object);
    podQueue.enqueue(object.metadata.uid);
  });

  const lookAtNode = (): void => {
    if (signal.aborted) return;
    nodeQueue.enqueue(nodeName);
    clock.after(NODE_LOOK_MS, 'periodic', lookAtNode);
  };
  lookAtNode();

  /** Pods and volumes begin only with a complete list of this node's pods. */
  const runPods = async (): Promise<void> => {
    await podIndex.whenSynced(signal);
    if (signal.aborted) return;
    desired.complete();
    for (const uid of await leftPods(deps, runtime, paths.pods)) podQueue.enqueue(uid);
    await Promise.all([podQueue.run(signal), volumes.run(signal)]);
  };

  log.info('the agent has started', {
    node: nodeName,
    port: listener.port,
    runtime: identity.runtimeVersion,
  });
  const plugins = new PluginWatcher({ ...deps, directory: paths.registry, drivers, node });
  try {
    await Promise.all([
      nodeQueue.run(signal),
      runHeartbeat({ ...deps, node }, signal),
      plugins.run(signal),
      watch.run(signal),
      runPods(),
    ]);
  } finally {
    unsubscribe();
    unfollow();
  }
}

/** The pods that have left something on this node: directories, sandboxes. Their workers find out what to do. */
async function leftPods(
  { tree, log }: AgentDeps,
  runtime: PodRuntimeClient,
  directory: string,
): Promise<readonly string[]> {
  const uids = new Set(await tree.list(directory));
  try {
    const { sandboxes } = await runtime.list();
    for (const { metadata } of sandboxes) if (metadata !== null) uids.add(metadata.uid);
  } catch (error) {
    // The runtime watch finds them later.
    log.warn('the runtime could not be asked for its pods', { error: messageOf(error) });
  }
  return [...uids];
}
