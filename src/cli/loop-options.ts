// The options that every command with control loops has.
import { type Command, InvalidArgumentError, Option } from 'commander';

export interface LoopOptions {
  readonly kubeconfig: string;
  readonly featureGates: string;
  readonly metricsBindAddress?: string;
  readonly leaderElect: boolean;
  readonly leaderElectionNamespace: string;
  /** In milliseconds, as the two below. */
  readonly leaderElectLeaseDuration: number;
  readonly leaderElectRenewDeadline: number;
  readonly leaderElectRetryPeriod: number;
}

/** The Lease of the loops that kube-controller-manager has too. */
export const CONTROLLERS_LEASE = 'holdfast-controllers';

/** Adds them to `command`. */
export function withLoopOptions(command: Command): Command {
  return command
    .requiredOption('--kubeconfig <file>', 'the API server to work for, and as whom')
    .option(
      '--feature-gates <gates>',
      'features that are not on by default, such as CrossNamespaceVolumeDataSource=true',
      '',
    )
    .option(
      '--metrics-bind-address <host:port>',
      'where /metrics and /healthz are served, without TLS (default: nowhere)',
    )
    .option('--leader-elect', 'work only while holding the Leases of the stock processes', false)
    .option('--leader-election-namespace <namespace>', 'namespace of the Leases', 'kube-system')
    .addOption(duration('lease-duration', 'how long a Lease holds without renewal', '15s'))
    .addOption(duration('renew-deadline', 'how long a leader tries to renew', '10s'))
    .addOption(duration('retry-period', 'how often it is tried', '2s'));
}

function duration(name: string, what: string, byDefault: string): Option {
  return new Option(`--leader-elect-${name} <duration>`, what)
    .argParser(durationOf)
    .default(durationOf(byDefault), byDefault);
}

/** Reads the list of `--controllers`. */
export const listOf = (text: string): readonly string[] => text.split(',').map((word) => word.trim());

const UNITS = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** Go's form, as Kubernetes' flags have it: `15s`, `1m30s`, `500ms`. */
export function durationOf(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  const ms = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * UNITS[unit as keyof typeof UNITS],
    0,
  );
  if (parts.map(([part]) => part).join('') === text && ms > 0) return ms;
  throw new InvalidArgumentError('a duration is written as 15s, 1m30s or 500ms');
}
