// The sandbox: a CRI server that runs commands in namespaces on the machine's own root file system. For development
// and tests, no security boundary. Containers outlive it; started again on the same state directory it takes them up.
// What it secures and what it does not is in SPEC.md.
import { DESCRIPTOR_JSON } from '../generated/cri.ts';
import { ContainerEvents } from './container-events.ts';
import { Containers } from './containers.ts';
import { imageHandlers } from './image-service.ts';
import { Pods } from './pods.ts';
import { fileRecords } from './records.ts';
import { runtimeHandlers } from './runtime-service.ts';
import type { SandboxDeps } from './sandbox-deps.ts';
import { containerStatus, nanoseconds, podStatus } from './status.ts';
import { StreamTickets } from './stream-tickets.ts';

/** A running part. `run` resolves when the signal aborts; a rejection means the process must stop. */
export interface SandboxService {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

/** The CRI server as a service: `run` serves until the signal aborts and leaves every container running. */
export function sandboxService(deps: SandboxDeps): SandboxService {
  return { name: 'sandbox', run: (signal) => serve(deps, signal) };
}

async function serve(deps: SandboxDeps, signal: AbortSignal): Promise<void> {
  const { files, grpc, log, options, streams } = deps;
  const resolved = await prepareState(deps);
  const settled = { ...deps, options: { ...options, stateDirectory: resolved } };
  // Two sandboxes on one state directory would each end what the other starts.
  using lock = await files.lock(`${resolved}/lock`);
  if (lock === undefined) {
    throw new Error(`Cannot start the sandbox on "${resolved}": another sandbox process has it open`);
  }
  const events = new ContainerEvents();
  const records = fileRecords(files, resolved, (path) => log.error('record is damaged and left', { path }));
  const pods = new Pods(settled, records);
  const containers: Containers = new Containers(settled, records, (record, type) => {
    const pod = pods.find(record.podId);
    events.emit({
      containerId: record.id,
      containerEventType: type,
      createdAt: nanoseconds(deps.clock.now()),
      podSandboxStatus: pod === undefined ? null : podStatus(pod, pods.isReady(pod), options.hostIp),
      containersStatuses: containers.ofPod(record.podId).map(containerStatus),
    });
  });
  const found = await records.load();
  await pods.adopt(found.pods);
  await containers.adopt(found.containers);
  const tickets = new StreamTickets(deps.clock, deps.random);
  await using listener = await streams.listen(tickets.accept);
  const parts = { deps: settled, pods, containers, events, tickets, streamOrigin: listener.origin };
  await using _server = await grpc.serve(options.endpoint, DESCRIPTOR_JSON, [
    { name: 'runtime.v1.RuntimeService', handlers: runtimeHandlers(parts) },
    { name: 'runtime.v1.ImageService', handlers: imageHandlers() },
  ]);
  log.info('sandbox serves', { endpoint: options.endpoint, adopted: found.containers.length });
  await aborted(signal);
}

// What a container's init executes before it is given to the user's command.
const TOOLS = ['sh', 'mount', 'setpriv', 'cat', 'env'];
const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Makes the state directory and the mount point that roots are built on; returns its path without symlinks. */
async function prepareState({ files, options, processes }: SandboxDeps): Promise<string> {
  const missing = TOOLS.filter(
    (tool) => !FOLDERS.some((folder) => processes.resolvePath(`${folder}/${tool}`)),
  );
  if (missing.length > 0) {
    throw new Error(
      `Cannot start the sandbox: "${missing.join('", "')}" not found: install util-linux, coreutils`,
    );
  }
  await files.makeDirectory(`${options.stateDirectory}/root`);
  return processes.resolvePath(options.stateDirectory) ?? options.stateDirectory;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
