// The CRI RuntimeService of the sandbox: requests in, records and runs behind. Rules SBX1 to SBX68.
import { messageOf } from '#base/errors.ts';
import { GrpcError } from '#transport/grpc.ts';
import type { Sparse } from '../cri-client.ts';
import type { ContainerStats, RuntimeServiceMethods } from '../generated/cri.ts';
import { serveAttach, serveCommand } from './command-stream.ts';
import type { ContainerEvents } from './container-events.ts';
import type { Containers } from './containers.ts';
import { collect } from './exec-sync.ts';
import type { Pods } from './pods.ts';
import type { RunningCommand } from './processes.ts';
import type { ContainerRecord, PodRecord } from './records.ts';
import type { SandboxDeps } from './sandbox-deps.ts';
import {
  containerListItem,
  containerStatus,
  matchesContainer,
  matchesPod,
  nanoseconds,
  podListItem,
  podStatus,
} from './status.ts';
import type { StreamTickets } from './stream-tickets.ts';

type Methods = RuntimeServiceMethods;
type Handler<M extends keyof Methods> = (
  request: Methods[M]['request'],
  signal: AbortSignal,
) => Promise<Sparse<Methods[M]['response']>>;

/** The calls that the sandbox answers; all others are UNIMPLEMENTED. */
export type RuntimeHandlers = {
  readonly [M in (typeof ANSWERED)[number]]: Handler<M>;
} & {
  readonly getContainerEvents: (
    request: Methods['getContainerEvents']['request'],
    signal: AbortSignal,
  ) => AsyncIterable<Sparse<Methods['getContainerEvents']['response']>>;
};

const ANSWERED = [
  'version',
  'status',
  'updateRuntimeConfig',
  'runtimeConfig',
  'runPodSandbox',
  'stopPodSandbox',
  'removePodSandbox',
  'podSandboxStatus',
  'listPodSandbox',
  'createContainer',
  'startContainer',
  'stopContainer',
  'removeContainer',
  'containerStatus',
  'listContainers',
  'reopenContainerLog',
  'containerStats',
  'listContainerStats',
  'execSync',
  'exec',
  'attach',
] as const;

export interface ServiceParts {
  readonly deps: SandboxDeps;
  readonly pods: Pods;
  readonly containers: Containers;
  readonly events: ContainerEvents;
  readonly tickets: StreamTickets;
  /** `http://127.0.0.1:41234`. */
  readonly streamOrigin: string;
}

/** What this runtime is and is not, in the words that `status` and a pod's conditions repeat. */
export const SANDBOX_NOTICE =
  "development sandbox, no security boundary: images are not used, containers run on the machine's own " +
  'root file system and network';

/** The handlers, ready to be served. */
export function runtimeHandlers(parts: ServiceParts): RuntimeHandlers {
  return { ...aboutHandlers(), ...podHandlers(parts), ...containerHandlers(parts), ...streamHandlers(parts) };
}

function aboutHandlers(): Pick<
  RuntimeHandlers,
  'version' | 'status' | 'updateRuntimeConfig' | 'runtimeConfig'
> {
  return {
    version: async () => ({
      version: '0.1.0',
      runtimeName: 'holdfast-sandbox',
      runtimeVersion: '0.1.0',
      runtimeApiVersion: 'v1',
    }),
    status: async () => ({
      status: {
        conditions: [
          { type: 'RuntimeReady', status: true, reason: 'DevelopmentSandbox', message: SANDBOX_NOTICE },
          {
            type: 'NetworkReady',
            status: true,
            reason: 'HostNetwork',
            message: "the machine's network is used",
          },
        ],
      },
      info: { notice: SANDBOX_NOTICE },
      runtimeHandlers: [{ name: '', features: { recursiveReadOnlyMounts: true, userNamespaces: false } }],
    }),
    // A pod CIDR has no meaning where pods use the machine's network.
    updateRuntimeConfig: async () => ({}),
    runtimeConfig: async () => ({ linux: { cgroupDriver: 'CGROUPFS' } }),
  };
}

function podHandlers({
  deps,
  pods,
  containers,
}: ServiceParts): Pick<
  RuntimeHandlers,
  'runPodSandbox' | 'stopPodSandbox' | 'removePodSandbox' | 'podSandboxStatus' | 'listPodSandbox'
> {
  const stop = async (record: PodRecord): Promise<void> => {
    await Promise.all(containers.ofPod(record.id).map((each) => containers.stop(each.id, 0)));
    await pods.stop(record);
  };
  return {
    runPodSandbox: async ({ config, runtimeHandler }) => {
      if (config === null)
        throw new GrpcError('INVALID_ARGUMENT', 'Cannot run a pod sandbox: config is missing');
      return { podSandboxId: (await pods.run(config, runtimeHandler)).id };
    },
    stopPodSandbox: async ({ podSandboxId }) => {
      const record = pods.find(podSandboxId);
      if (record !== undefined) await stop(record);
      return {};
    },
    removePodSandbox: async ({ podSandboxId }) => {
      const record = pods.find(podSandboxId);
      if (record === undefined) return {};
      await stop(record);
      await Promise.all(containers.ofPod(record.id).map((each) => containers.remove(each.id)));
      await pods.remove(record);
      return {};
    },
    podSandboxStatus: async ({ podSandboxId, verbose }) => {
      const record = pods.get(podSandboxId);
      return {
        status: podStatus(record, pods.isReady(record), deps.options.hostIp),
        info: verbose ? { notice: SANDBOX_NOTICE, pid: String(record.process?.pid ?? '') } : {},
        containersStatuses: containers.ofPod(record.id).map(containerStatus),
        timestamp: nanoseconds(deps.clock.now()),
      };
    },
    listPodSandbox: async ({ filter }) => ({
      items: pods
        .all()
        .filter((record) => matchesPod(record, pods.isReady(record), filter))
        .map((record) => podListItem(record, pods.isReady(record))),
    }),
  };
}

function containerHandlers({
  deps,
  pods,
  containers,
}: ServiceParts): Pick<
  RuntimeHandlers,
  | 'createContainer'
  | 'startContainer'
  | 'stopContainer'
  | 'removeContainer'
  | 'containerStatus'
  | 'listContainers'
  | 'reopenContainerLog'
  | 'containerStats'
  | 'listContainerStats'
> {
  const stats = (record: ContainerRecord): Sparse<ContainerStats> => {
    const { id, metadata, labels, annotations } = record;
    return {
      attributes: { id, metadata, labels, annotations },
      cpu: { timestamp: nanoseconds(deps.clock.now()) },
      memory: { timestamp: nanoseconds(deps.clock.now()) },
    };
  };
  return {
    createContainer: async ({ podSandboxId, config }) => {
      if (config === null)
        throw new GrpcError('INVALID_ARGUMENT', 'Cannot create a container: config is missing');
      return { containerId: (await containers.create(pods.get(podSandboxId), config)).id };
    },
    startContainer: async ({ containerId }) => {
      await containers.start(containerId, pods.get(containers.get(containerId).podId));
      return {};
    },
    stopContainer: async ({ containerId, timeout }) => {
      if (containers.find(containerId) !== undefined)
        await containers.stop(containerId, Number(timeout) * 1000);
      return {};
    },
    removeContainer: async ({ containerId }) => {
      await containers.remove(containerId);
      return {};
    },
    containerStatus: async ({ containerId, verbose }) => {
      const record = containers.get(containerId);
      const pid = record.phase.kind === 'running' ? String(record.phase.init.pid) : '';
      return { status: containerStatus(record), info: verbose ? { pid, notice: SANDBOX_NOTICE } : {} };
    },
    listContainers: async ({ filter }) => ({
      containers: containers
        .all()
        .filter((record) => matchesContainer(record, filter))
        .map(containerListItem),
    }),
    reopenContainerLog: async ({ containerId }) => {
      await containers.running(containerId).output.reopen();
      return {};
    },
    containerStats: async ({ containerId }) => ({ stats: stats(containers.get(containerId)) }),
    listContainerStats: async ({ filter }) => ({
      stats: containers
        .all()
        .filter((record) => filter === null || matchesContainer(record, { ...filter, state: null }))
        .map(stats),
    }),
  };
}

function streamHandlers({
  deps,
  containers,
  events,
  tickets,
  streamOrigin,
}: ServiceParts): Pick<RuntimeHandlers, 'execSync' | 'exec' | 'attach' | 'getContainerEvents'> {
  const begin = (
    containerId: string,
    argv: readonly string[],
    streams: { readonly stdin: boolean; readonly tty: boolean },
  ): Promise<RunningCommand> => {
    const run = containers.running(containerId);
    const { command } = containers.get(containerId).plan;
    if (argv.length === 0) throw new GrpcError('INVALID_ARGUMENT', 'Cannot exec: cmd is empty');
    const env = streams.tty ? { TERM: 'xterm', ...command.env } : command.env;
    return deps.processes.exec(run.init, { ...command, env, argv }, streams);
  };
  return {
    execSync: async ({ containerId, cmd, timeout }) => {
      let running: RunningCommand;
      try {
        running = await begin(containerId, cmd, { stdin: false, tty: false });
      } catch (error) {
        if (error instanceof GrpcError) throw error;
        throw new GrpcError('UNKNOWN', `Cannot exec in container "${containerId}": ${messageOf(error)}`);
      }
      return collect(deps.clock, running, Number(timeout) * 1000);
    },
    exec: async ({ containerId, cmd, tty, stdin, stdout, stderr }) => {
      containers.running(containerId);
      const path = tickets.issue('exec', (socket) =>
        serveCommand(deps.clock, socket, () => begin(containerId, cmd, { stdin, tty }), { stdout, stderr }),
      );
      return { url: `${streamOrigin}${path}` };
    },
    attach: async ({ containerId, stdin, stdout, stderr }) => {
      const run = containers.running(containerId);
      const path = tickets.issue('attach', (socket) =>
        serveAttach(
          socket,
          run,
          (bytes) => (stdin ? containers.writeInput(containerId, bytes) : Promise.resolve()),
          { stdout, stderr },
        ),
      );
      return { url: `${streamOrigin}${path}` };
    },
    getContainerEvents: (_request, signal) => events.subscribe(signal),
  };
}
