// The words of `holdfast controllers`.
import { Command } from 'commander';
import type { CliEffects } from '#compose/cli-effects.ts';
import { CONTROLLERS_LEASE, listOf, type LoopOptions, withLoopOptions } from './loop-options.ts';

export interface ControllersOptions extends LoopOptions {
  readonly controllers?: readonly string[];
  readonly driver: readonly string[];
  readonly nodeDeployment: boolean;
  readonly nodeName?: string;
  readonly leaderElectResourceName: string;
}

const collect = (value: string, all: readonly string[]): readonly string[] => [...all, value];

/** `holdfast controllers`. */
export function controllersCommand(effects: CliEffects, exitWith: (code: number) => void): Command {
  const command = new Command('controllers').description(
    'Run the control loops alone, in the foreground, for the API server that a kubeconfig names.',
  );
  return withLoopOptions(command)
    .option(
      '--controllers <loops>',
      'loops to run: * for those that are on by default (all but scheduler), name for one more, -name for one less; ' +
        'a named one runs even beside a live kube-controller-manager (default: *, with --node-deployment none)',
      listOf,
    )
    .option(
      '--driver <socket>',
      'controller socket of a CSI driver to run the sidecar loops for; may be repeated',
      collect,
      [],
    )
    .option(
      '--node-deployment',
      'one process on each node: of each --driver only the provisioner of this node',
      false,
    )
    .option(
      '--leader-elect-resource-name <name>',
      'Lease of the loops that kube-controller-manager has too',
      CONTROLLERS_LEASE,
    )
    .option('--node-name <name>', 'name of this node, with --node-deployment')
    .addHelpText(
      'after',
      '\nExamples:\n  holdfast controllers --kubeconfig admin.conf\n' +
        '  holdfast controllers --kubeconfig admin.conf --controllers snapshots ' +
        '--driver unix:///run/csi/csi.sock --leader-elect\n' +
        '  holdfast controllers --kubeconfig node.conf --driver unix:///run/csi/csi.sock ' +
        '--node-deployment --node-name worker-1\n',
    )
    .action(async (options: ControllersOptions) => {
      const { runControllers } = await import('./controllers.ts');
      exitWith(await runControllers(effects, options));
    });
}
