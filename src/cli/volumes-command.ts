// The words of `holdfast volumes`.
import { Command, Option } from 'commander';
import type { CliEffects } from '#compose/cli-effects.ts';
import type { OrphanedOptions } from './volumes.ts';

/** `holdfast volumes …`. */
export function volumesCommand(
  effects: CliEffects,
  exitWith: (code: number) => void,
  defaultDataDir: string,
): Command {
  const orphaned = new Command('orphaned')
    .description('List the volumes that a driver has and that no PersistentVolume and no provisioning knows.')
    .option('--data-dir <dir>', 'data directory of a running "holdfast up"', defaultDataDir)
    .option('--kubeconfig <file>', 'API server to ask (default: <data-dir>/kubeconfig)')
    .option('--driver <socket>', 'controller socket of a CSI driver (default: the built-in disk driver)')
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table'),
    )
    .addHelpText(
      'after',
      '\nIt only looks: nothing is deleted.\n\nExamples:\n  holdfast volumes orphaned\n' +
        '  holdfast volumes orphaned --driver unix:///run/csi/controller.sock -o json\n',
    )
    .action(async (options: OrphanedOptions) => {
      const { runVolumesOrphaned } = await import('./volumes.ts');
      exitWith(await runVolumesOrphaned(effects, options));
    });
  const volumes = new Command('volumes')
    .description('Look at the volumes of drivers.')
    .addCommand(orphaned.exitOverride());
  return volumes.helpCommand(false);
}
