// The words of `holdfast scheduler`.
import { Command } from 'commander';
import type { CliEffects } from '#compose/cli-effects.ts';
import { type LoopOptions, withLoopOptions } from './loop-options.ts';

/** `holdfast scheduler`. */
export function schedulerCommand(effects: CliEffects, exitWith: (code: number) => void): Command {
  const command = new Command('scheduler').description(
    'Run the scheduler alone, in the foreground, for the API server that a kubeconfig names.',
  );
  return withLoopOptions(command)
    .addHelpText(
      'after',
      '\nExamples:\n  holdfast scheduler --kubeconfig admin.conf\n' +
        '  holdfast scheduler --kubeconfig admin.conf --leader-elect --metrics-bind-address 127.0.0.1:10259\n',
    )
    .action(async (options: LoopOptions) => {
      const { runScheduler } = await import('./controllers.ts');
      exitWith(await runScheduler(effects, options));
    });
}
