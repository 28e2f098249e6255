// The node agent: registers its node, keeps its heartbeat, finds drivers, and brings pods and volumes of this node to
// what the API says. Starts in an order that destroys nothing: records are read first, pods are taken from a complete
// cache, and only then may anything be taken down (I-26).
import { sha256Hex } from '#base/sha256.ts';
import { createInformerSource } from '#client/informer-source.ts';
import type { Service } from '#client/loop.ts';
import { connectRuntime } from '#runtime/cri-client.ts';
import type { AgentDeps } from './deps.ts';
import { scopedToNode } from './node/node-scope.ts';
import { assembleNode } from './node-parts.ts';
import { nodePaths } from './paths.ts';
import { nodePods } from './pods/node-pods.ts';
import { PodRuntimeClient } from './runtime/pod-runtime.ts';
import { waitForRuntime } from './runtime/wait-for-runtime.ts';
import { listenAgentServer } from './server/agent-server.ts';
import { DesiredWorld } from './world/desired-world.ts';
import { RecordStore } from './world/record-store.ts';

/** Enough to tell agents on one machine apart; a label value holds 63 characters. */
const AGENT_ID_LENGTH = 16;
const SANDBOX = 'holdfast-sandbox';

export function agentService(deps: AgentDeps): Service {
  return { name: 'agent', run: (signal) => runAgent(deps, signal) };
}

async function runAgent(deps: AgentDeps, signal: AbortSignal): Promise<void> {
  const { clock, random, log, api, nodeName } = deps;
  const paths = nodePaths(deps.kubeletRoot);
  await deps.tree.makeDirectory(paths.pods, 0o750);
  const records = new RecordStore({ files: deps.files, directory: paths.records, log });
  const desired = new DesiredWorld();
  // Reconstruction: from records alone, no network. What is recorded is kept until its pod is known to be gone.
  await records.load();
  for (const record of records.publishes()) desired.enter(record.podUid);

  // The kubelet root is what makes an agent the same one after a restart.
  const agentId = sha256Hex(`${nodeName} ${deps.kubeletRoot}`).slice(0, AGENT_ID_LENGTH);
  await using cri = connectRuntime(deps.grpc, deps.criEndpoint);
  const runtime = new PodRuntimeClient(cri, agentId);
  const version = await waitForRuntime(deps, runtime, signal);
  if (version === undefined) return;

  const informers = createInformerSource({ api: scopedToNode(api, nodeName), clock, random, log });
  const pods = nodePods(informers, nodeName);
  await using listener = await listenAgentServer(
    { ...deps, runtime, logs: deps.logFiles, logsRoot: deps.podLogsRoot, findPod: pods.find },
    deps.listen,
  );
  const identity = {
    nodeName,
    internalIp: deps.internalIp,
    agentPort: listener.port,
    agentVersion: deps.version,
    runtimeVersion: `${version.name}://${version.version}`,
    bootId: await deps.host.bootId(),
  };
  const facts = await deps.machine.facts(deps.kubeletRoot);
  const parts = assembleNode(deps, {
    paths,
    records,
    desired,
    runtime,
    informers,
    pods,
    identity,
    facts,
    // The scheme of container ids; our sandbox answers to its full name.
    runtimeName: version.name === SANDBOX ? 'holdfast' : version.name,
    usesImages: version.name !== SANDBOX,
  });
  log.info('the agent has started', {
    node: nodeName,
    port: listener.port,
    runtime: identity.runtimeVersion,
  });
  await Promise.all([informers.run(signal), parts.run(signal)]);
}
