// `holdfast controllers` and `holdfast scheduler`: the loops alone, for any API server.
import { codeOf, messageOf } from '#base/errors.ts';
import type { CliEffects } from '#compose/cli-effects.ts';
import { BesideControllerManagerError } from '#compose/beside-controller-manager.ts';
import { parseFeatureGates } from '#compose/control-plane.ts';
import { type RemoteLoopsOptions, runRemoteLoops, UnreachableError } from '#compose/remote-loops.ts';
import { selectLoops } from '#compose/loops.ts';
import { connectApi } from './connect-api.ts';
import type { ControllersOptions } from './controllers-command.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { CONTROLLERS_LEASE, type LoopOptions } from './loop-options.ts';

type Selected = Pick<RemoteLoopsOptions, 'selection' | 'driverSockets' | 'nodeDeployment'> & {
  readonly lease: string;
};

/** Runs until Ctrl-C. Returns the exit code. */
export async function runControllers(effects: CliEffects, options: ControllersOptions): Promise<number> {
  const { nodeDeployment, nodeName, driver, controllers = nodeDeployment ? [] : ['*'] } = options;
  if (nodeDeployment && nodeName === undefined) throw wrongUsage('--node-deployment needs --node-name');
  const selection = selectLoops(controllers, { scheduler: 'when named' });
  if ('problem' in selection) throw wrongUsage(selection.problem);
  const onNode = nodeDeployment && nodeName !== undefined ? { nodeDeployment: { nodeName } } : {};
  const lease = options.leaderElectResourceName;
  return await run(effects, options, { selection, driverSockets: driver, lease, ...onNode });
}

/** Runs until Ctrl-C. Returns the exit code. */
export async function runScheduler(effects: CliEffects, options: LoopOptions): Promise<number> {
  const selection = selectLoops(['scheduler'], { scheduler: 'when named' });
  if ('problem' in selection) throw wrongUsage(selection.problem);
  return await run(effects, options, { selection, driverSockets: [], lease: CONTROLLERS_LEASE });
}

function wrongUsage(problem: string): CommandError {
  return new CommandError(EXIT.usage, `Cannot start the loops: ${problem}`);
}

async function run(
  effects: CliEffects,
  options: LoopOptions,
  { lease, ...selected }: Selected,
): Promise<number> {
  const gates = parseFeatureGates(options.featureGates);
  if ('problem' in gates) throw wrongUsage(gates.problem);
  const { leaderElectLeaseDuration: leaseDurationMs, leaderElectRenewDeadline: renewDeadlineMs } = options;
  if (renewDeadlineMs >= leaseDurationMs) {
    throw wrongUsage('--leader-elect-renew-deadline must be shorter than --leader-elect-lease-duration');
  }
  await using server = await connectApi(effects, effects.absolute(options.kubeconfig));
  const loopEffects = await effects.loops();
  const leaderElection = {
    namespace: options.leaderElectionNamespace,
    identity: `${loopEffects.hostName}_${effects.random.uuid()}`,
    controllersLease: lease,
    leaseDurationMs,
    renewDeadlineMs,
    retryPeriodMs: options.leaderElectRetryPeriod,
  };
  try {
    await runRemoteLoops(
      loopEffects,
      {
        ...selected,
        send: server.send,
        gates,
        ...(options.leaderElect ? { leaderElection } : {}),
        ...(options.metricsBindAddress === undefined ? {} : { metricsAddress: options.metricsBindAddress }),
        onStarted: (address) => effects.terminal.write(welcome(options.kubeconfig, address)),
      },
      effects.interrupted,
    );
  } catch (error) {
    throw refusalOf(error, options) ?? error;
  }
  return EXIT.done;
}

function welcome(kubeconfig: string, metricsAddress: string | undefined): string {
  const metrics = metricsAddress === undefined ? '' : `Metrics are at http://${metricsAddress}/metrics.\n`;
  return `The loops run for the API server of "${kubeconfig}".\n${metrics}Ctrl-C stops them.\n`;
}

/** What is no defect of ours, as one message. */
function refusalOf(error: unknown, options: LoopOptions): CommandError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof BesideControllerManagerError) return new CommandError(EXIT.inUse, cause.message);
    if (cause instanceof UnreachableError)
      return new CommandError(EXIT.unavailable, unreachable(cause, options));
  }
  if (codeOf(error) !== 'EADDRINUSE') return undefined;
  return new CommandError(
    EXIT.inUse,
    `Cannot serve metrics at ${options.metricsBindAddress ?? ''}: ${messageOf(error)}: choose another ` +
      '--metrics-bind-address',
  );
}

function unreachable({ message }: UnreachableError, { kubeconfig }: LoopOptions): string {
  return `Cannot work for the API server of the kubeconfig "${kubeconfig}": ${message}`;
}
