// `holdfast up`: everything on one machine, in the foreground.
import type { CliEffects } from '#compose/cli-effects.ts';
import { parseFeatureGates, startControlPlane } from '#compose/control-plane.ts';
import { checkSocketPaths, type Layout, layoutOf } from '#compose/layout.ts';
import { selectLoops } from '#compose/loops.ts';
import { superviseNode } from '#compose/node-processes.ts';
import { codeOf, messageOf } from '#base/errors.ts';
import { createMetrics } from '#base/metrics.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { requireRoot } from './require-root.ts';

export interface UpOptions {
  readonly dataDir: string;
  readonly port: number;
  readonly host: string;
  readonly nodeName: string;
  readonly kubeletRootDir?: string;
  readonly containerRuntimeEndpoint?: string;
  readonly driver: readonly string[];
  readonly controllers: readonly string[];
  readonly featureGates: string;
  readonly diskCapacityBytes?: number;
}

/** Runs until Ctrl-C. Returns the exit code. */
export async function runUp(effects: CliEffects, options: UpOptions): Promise<number> {
  requireRoot(effects, 'start a node');
  const gates = parseFeatureGates(options.featureGates);
  if ('problem' in gates) throw new CommandError(EXIT.usage, `Cannot start: ${gates.problem}`);
  const selection = selectLoops(options.controllers, { scheduler: 'by default' });
  if ('problem' in selection) throw new CommandError(EXIT.usage, `Cannot start: ${selection.problem}`);
  const dataDir = effects.absolute(options.dataDir);
  const layout = layoutOf(
    dataDir,
    options.kubeletRootDir === undefined ? {} : { kubeletRoot: effects.absolute(options.kubeletRootDir) },
  );
  const tooLong = checkSocketPaths(layout);
  if (tooLong !== undefined) throw new CommandError(EXIT.usage, tooLong);
  await makeDirectories(effects, layout);
  using lock = await effects.files.lock(layout.lock);
  if (lock === undefined) throw await inUse(effects, layout.lock, dataDir);
  // One that was killed may have left it.
  await effects.files.remove(`${layout.runDir}/ready`);
  // The agent must not take the address of an earlier start: it waits until this one is written.
  await effects.files.remove(layout.nodeKubeconfig);
  const stop = new AbortController();
  effects.interrupted.addEventListener('abort', () => stop.abort(), { once: true });
  const { control, supervisor } = await effects.controlPlane(`${layout.logs}/control-plane.log`);
  const metrics = createMetrics();
  control.watchProcess(metrics);
  // The node's processes need no API to start: they come up beside it.
  const node = superviseNode(
    { ...control, ...supervisor },
    {
      layout,
      nodeName: options.nodeName,
      runtimeEndpoint: options.containerRuntimeEndpoint,
      diskCapacityBytes: options.diskCapacityBytes,
    },
    stop.signal,
  );
  let failure: unknown;
  try {
    const plane = await startControlPlane(
      control,
      {
        layout,
        host: options.host,
        port: options.port,
        nodeName: options.nodeName,
        driverSockets: [layout.diskControllerSocket, ...options.driver],
        selection,
        gates,
        metrics,
      },
      {
        held: lock,
        onFailure: (error) => {
          failure = error;
          stop.abort();
        },
      },
    );
    await effects.files.write(`${layout.runDir}/ready`, new TextEncoder().encode(plane.origin));
    effects.terminal.write(welcome(plane.origin, layout.kubeconfig, options.nodeName));
    await plane.run(stop.signal);
  } catch (error) {
    throw portTaken(error, options) ?? error;
  } finally {
    stop.abort();
    await effects.files.remove(`${layout.runDir}/ready`);
    await node;
    await removeRunDirectory(effects, layout.runDir);
  }
  if (failure !== undefined) {
    throw new CommandError(
      EXIT.failed,
      `The store in "${layout.store}" cannot be written: ${messageOf(failure)}`,
    );
  }
  effects.terminal.write(
    'Stopped. Running containers and their mounts were left as they are; "holdfast up" takes them up again.\n',
  );
  return EXIT.done;
}

/** A runtime that outlives us keeps its socket there. */
async function removeRunDirectory(effects: CliEffects, runDir: string): Promise<void> {
  if ((await effects.files.list(runDir)).length > 0) return;
  await effects.files.removeDirectory(runDir);
}

function portTaken(error: unknown, { host, port }: UpOptions): CommandError | undefined {
  if (codeOf(error) !== 'EADDRINUSE') return undefined;
  return new CommandError(
    EXIT.inUse,
    `Cannot serve the API on ${host}, port ${port}: it is in use by another process: ` +
      'stop that one, or choose another --port (0 takes a free one)',
  );
}

async function makeDirectories(effects: CliEffects, layout: Layout): Promise<void> {
  try {
    for (const directory of [layout.dataDir, layout.logs, layout.runDir])
      await effects.files.makeDirectory(directory);
  } catch (error) {
    throw new CommandError(
      EXIT.usage,
      `Cannot use the data directory "${layout.dataDir}": ${messageOf(error)}: ` +
        'choose a --data-dir that is a directory, or can be made one',
    );
  }
}

async function inUse(effects: CliEffects, lock: string, dataDir: string): Promise<CommandError> {
  const bytes = await effects.files.read(lock);
  const owner = new TextDecoder().decode(bytes ?? new Uint8Array()).trim();
  return new CommandError(
    EXIT.inUse,
    `Cannot use the data directory "${dataDir}": process ${owner === '' ? '?' : owner} is using it: ` +
      'stop that Holdfast first, or choose another --data-dir',
  );
}

function welcome(origin: string, kubeconfig: string, nodeName: string): string {
  return (
    `Holdfast serves the Kubernetes API at ${origin}, with node "${nodeName}".\n\n` +
    `  export KUBECONFIG=${kubeconfig}\n  kubectl apply -f examples/quickstart.yaml\n  kubectl get pods,pvc,pv\n\n` +
    'Ctrl-C stops it.\n'
  );
}
