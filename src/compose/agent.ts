// The node agent as compose builds it: its connection to the server, its events, and the kubelet root around its run.
import type { AgentDeps, NodeEffects } from '#agent/deps.ts';
import { agentService } from '#agent/agent.ts';
import { sleep } from '#base/clock.ts';
import { createApiClient } from '#client/create-client.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import { connectServer } from '#client/https-transport.ts';
import { type Kubeconfig, parseKubeconfig } from '#client/kubeconfig.ts';
import type { Service } from '#client/loop.ts';
import type { OwnedTrees } from '#host/remove-owned-tree.ts';
import type { SafePaths } from '#host/safe-path.ts';
import type { NodeEffects as ProcessEffects } from './effects.ts';
import { prepareKubeletRoot, releaseKubeletRoot } from './kubelet-root.ts';
import { runServices } from './run-services.ts';
import { HOLDFAST_VERSION } from './version.ts';

export interface AgentEffects extends ProcessEffects {
  readonly node: NodeEffects;
  readonly trees: OwnedTrees;
  readonly safePaths: SafePaths;
}

export interface AgentOptions {
  readonly kubeconfig: string;
  readonly nodeName: string;
  readonly kubeletRoot: string;
  readonly podLogs: string;
  readonly runtimeEndpoint: string;
  readonly internalIp: string;
}

const LOOK_AGAIN_MS = 10;

/** The agent of one node as a service. */
export function nodeAgent(effects: AgentEffects, options: AgentOptions): Service {
  return {
    name: 'agent',
    async run(signal) {
      const kubeconfig = await waitForKubeconfig(effects, options.kubeconfig, signal);
      if (kubeconfig === undefined) return;
      await prepareKubeletRoot(effects, options.kubeletRoot);
      const { clock, random, log } = effects;
      await using server = connectServer(effects.http, kubeconfig, clock);
      const api = createApiClient(server.send);
      const events = createEventRecorder({
        api,
        clock,
        random,
        log,
        component: 'kubelet',
        host: options.nodeName,
      });
      const deps: AgentDeps = {
        ...effects.node,
        clock,
        random,
        log,
        api,
        events,
        host: effects.host,
        trees: effects.trees,
        safePaths: effects.safePaths,
        files: effects.files,
        grpc: effects.grpc,
        http: effects.http,
        criEndpoint: options.runtimeEndpoint,
        nodeName: options.nodeName,
        kubeletRoot: options.kubeletRoot,
        podLogsRoot: options.podLogs,
        internalIp: options.internalIp,
        listen: { host: options.internalIp, port: 0, tls: tlsOf(kubeconfig) },
        version: `v1.36.0-holdfast.${HOLDFAST_VERSION}`,
      };
      await runServices([agentService(deps), events], signal);
      const root = await releaseKubeletRoot(effects, options.kubeletRoot);
      log.info('the agent has stopped', { kubeletRoot: options.kubeletRoot, root });
    },
  };
}

function tlsOf({
  certificate = '',
  privateKey = '',
  certificateAuthority = '',
}: Kubeconfig): AgentDeps['listen']['tls'] {
  return { certificate, privateKey, certificateAuthority };
}

/** The control plane writes the kubeconfig when it first starts, at the same time as this process does. */
async function waitForKubeconfig(
  effects: AgentEffects,
  path: string,
  signal: AbortSignal,
): Promise<Kubeconfig | undefined> {
  while (!signal.aborted) {
    const bytes = await effects.files.read(path);
    if (bytes !== undefined) {
      return parseKubeconfig(new TextDecoder().decode(bytes), {
        path,
        readFile: (file) => effects.files.read(file),
      });
    }
    await sleep(effects.clock, LOOK_AGAIN_MS, 'deadline', signal);
  }
  return undefined;
}
