// `holdfast demo`: the whole life of a volume on this machine, as it happens, and then the proof that nothing is left.
import type { CliEffects } from '#compose/cli-effects.ts';
import {
  compareMachine,
  type Daemon,
  type MachineDifference,
  type MachineState,
} from '#compose/cli-effects.ts';
import { type Layout, layoutOf } from '#compose/layout.ts';
import { messageOf } from '#base/errors.ts';
import { connectApi } from '../connect-api.ts';
import { CommandError, EXIT } from '../exit-codes.ts';
import { requireRoot } from '../require-root.ts';
import { applyQuickstart, createWriter, deletePod, removeEverything } from './objects.ts';
import { type Scene, Timeline } from './scene.ts';
import { showBirth, showKill, showOldLines, showRemoval } from './acts.ts';
import { takeDown } from './take-down.ts';
import { createWaiter } from './wait-for.ts';

/** Runs the demo. With `keep`, leaves everything running and says how to use it. Returns the exit code. */
export async function runDemo(effects: CliEffects, options: { readonly keep: boolean }): Promise<number> {
  requireRoot(effects, 'run the demo');
  const dataDir = await effects.temporaryDirectory();
  const before = await effects.machine.observe(dataDir);
  const timeline = new Timeline(effects.clock, effects.terminal);
  timeline.act('Holdfast starts');
  timeline.waitingFor('an API server on an empty data directory');
  const layout = layoutOf(dataDir);
  const daemon = await effects.daemons.start(
    effects.self.program,
    [...effects.self.args, 'up', '--data-dir', dataDir, '--port', '0'],
    { logFile: `${layout.logs}/up.log` },
  );
  const failure = await playSafely({ dataDir, timeline, daemon, keep: options.keep }, effects);
  if (options.keep && failure === undefined) await keepRunning(effects, dataDir, daemon);
  if (options.keep || failure !== undefined) await takeDownSafely(effects, layout, timeline);
  timeline.act('Holdfast stops');
  timeline.waitingFor('the processes to end');
  daemon.signal('SIGTERM');
  await daemon.exited;
  const clean = await proveClean(effects, dataDir, { before, timeline });
  timeline.waitingFor(undefined);
  if (clean && (failure === undefined || failure.exitCode === EXIT.interrupted))
    await effects.removeTemporary(dataDir);
  if (failure === undefined && clean) return EXIT.done;
  const logs = clean && failure?.exitCode === EXIT.interrupted ? '' : `Logs are in ${layout.logs}\n`;
  effects.terminal.writeError(`${failure?.message ?? 'The machine is not as it was.'}\n${logs}`);
  return failure?.exitCode ?? EXIT.failed;
}

interface Stage {
  readonly dataDir: string;
  readonly timeline: Timeline;
  readonly daemon: Daemon;
  readonly keep: boolean;
}

/** Whatever goes wrong is told after the machine has been put in order again. */
async function playSafely(stage: Stage, effects: CliEffects): Promise<CommandError | undefined> {
  try {
    await play(effects, stage);
    return undefined;
  } catch (error) {
    stage.timeline.waitingFor(undefined);
    return error instanceof CommandError ? error : new CommandError(EXIT.failed, messageOf(error));
  }
}

async function takeDownSafely(effects: CliEffects, layout: Layout, timeline: Timeline): Promise<void> {
  timeline.act('What is left is deleted');
  timeline.waitingFor('pods, claims and volumes to be gone');
  try {
    await takeDown(effects, layout);
    timeline.fact('all gone', 'pods, claims, volumes');
  } catch (error) {
    timeline.failure('cannot delete all', messageOf(error));
  }
}

async function play(effects: CliEffects, stage: Stage): Promise<void> {
  const { timeline, dataDir } = stage;
  const layout = layoutOf(dataDir);
  const waiter = createWaiter(effects.clock, effects.interrupted);
  let ended: number | undefined;
  void stage.daemon.exited.then((exit) => (ended = exit.exitCode ?? EXIT.failed));
  await waiter.waitFor('the API server to be ready', async () => {
    if (ended !== undefined)
      throw new CommandError(EXIT.failed, `"holdfast up" ended with exit code ${ended}`);
    return (await effects.files.exists(`${layout.runDir}/ready`)) ? true : undefined;
  });
  await using connection = await connectApi(effects, layout.kubeconfig);
  const scene: Scene = { effects, timeline, waiter, layout, api: connection.api };
  timeline.fact('API ready', layout.kubeconfig);
  timeline.act('A claim, a pod, and a volume made for them');
  await applyQuickstart(scene);
  const volume = await showBirth(scene);
  if (stage.keep) return;
  timeline.act('The container is killed with -9');
  await showKill(scene, volume);
  timeline.act('The pod is deleted and created again');
  await deletePod(scene);
  await createWriter(scene);
  await showOldLines(scene, volume);
  timeline.act('Everything is deleted');
  await removeEverything(scene);
  await showRemoval(scene, volume);
}

interface Before {
  readonly before: MachineState;
  readonly timeline: Timeline;
}

/** Compares the machine with what it was. What has nothing of ours in it is somebody else's: told, not held against us. */
async function proveClean(
  effects: CliEffects,
  dataDir: string,
  { before, timeline }: Before,
): Promise<boolean> {
  const waiter = createWaiter(effects.clock, new AbortController().signal);
  const look = async (): Promise<MachineDifference> =>
    compareMachine(before, await effects.machine.observe(dataDir));
  const oursOf = ({ left }: MachineDifference): readonly string[] =>
    left.filter((line) => line.startsWith('process ') || line.includes(dataDir));
  // A process that was told to end needs a moment to be gone.
  const difference = await waiter
    .waitFor(
      'the machine to be as it was',
      async () => {
        const now = await look();
        return oursOf(now).length === 0 ? now : undefined;
      },
      5_000,
    )
    .catch(look);
  const ours = oursOf(difference);
  for (const line of ours) timeline.failure('left behind', line);
  for (const line of difference.left.filter((other) => !ours.includes(other)))
    timeline.fact('new elsewhere', line);
  for (const line of difference.missing) timeline.fact('gone elsewhere', line);
  if (ours.length > 0) return false;
  const counts = `${before.mounts.length} mounts, ${before.loops.length} loop devices, no process of ours`;
  timeline.fact('machine as before', counts);
  return true;
}

/** Until Ctrl-C, or until it ends by itself. */
async function keepRunning(effects: CliEffects, dataDir: string, daemon: Daemon): Promise<void> {
  const { kubeconfig } = layoutOf(dataDir);
  effects.terminal.write(
    `\nEverything is still running. In another terminal:\n\n  export KUBECONFIG=${kubeconfig}\n` +
      '  kubectl get pods,pvc,pv\n  kubectl logs -f writer\n  kubectl exec -it writer -- sh\n\nCtrl-C deletes everything and stops it.\n',
  );
  if (effects.interrupted.aborted) return;
  await Promise.race([
    daemon.exited,
    new Promise<void>((resolve) =>
      effects.interrupted.addEventListener('abort', () => resolve(), { once: true }),
    ),
  ]);
}
