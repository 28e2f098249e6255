// The command line: names, options, help with examples. Each command's work is in a file of its own, loaded only when
// it runs.
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import type { CliEffects } from '#compose/cli-effects.ts';
import { HOLDFAST_VERSION } from '#compose/version.ts';
import { messageOf } from '#base/errors.ts';
import { controllersCommand } from './controllers-command.ts';
import { CommandError, EXIT } from './exit-codes.ts';
import { listOf } from './loop-options.ts';
import { schedulerCommand } from './scheduler-command.ts';
import { volumesCommand } from './volumes-command.ts';

const DEFAULT_DATA_DIR = '/var/lib/holdfast';
const DEFAULT_PORT = 6443;

/** Runs the command line. Returns the exit code; every failure has printed one message. */
export async function runProgram(effects: CliEffects, argv: readonly string[]): Promise<number> {
  let exitCode: number = EXIT.done;
  const program = commands(effects, (code) => (exitCode = code));
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    effects.terminal.writeError(`holdfast: ${messageOf(error)}\n`);
    if (error instanceof CommandError) return error.exitCode;
    // A defect of ours: the stack helps whoever reports it.
    if (error instanceof Error && error.stack !== undefined)
      effects.terminal.writeError(`${stackOf(error)}\n`);
    return EXIT.failed;
  }
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}

function commands(effects: CliEffects, exitWith: (code: number) => void): Command {
  const program = new Command('holdfast')
    .description('The Kubernetes storage system as one program.')
    .version(HOLDFAST_VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => effects.terminal.write(text),
      writeErr: (text) => effects.terminal.writeError(text),
    })
    .showSuggestionAfterError();
  program.addCommand(upCommand(effects, exitWith).exitOverride());
  program.addCommand(controllersCommand(effects, exitWith).exitOverride());
  program.addCommand(schedulerCommand(effects, exitWith).exitOverride());
  program.addCommand(demoCommand(effects, exitWith).exitOverride());
  program.addCommand(volumesCommand(effects, exitWith, DEFAULT_DATA_DIR).exitOverride());
  for (const command of program.commands) {
    command.copyInheritedSettings(program);
    for (const inner of command.commands) inner.copyInheritedSettings(program);
  }
  return program;
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new InvalidArgumentError('a port is a whole number from 0 (any free one) to 65535');
}

function bytesOf(text: string): number {
  const bytes = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new InvalidArgumentError('a capacity is a whole number of bytes above 0');
}

/** A node's name is also a DNS name and a label of its certificate. */
function nodeNameOf(text: string): string {
  const isName =
    text.length <= 63 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text) && !/\.[-.]|-\./.test(text);
  if (isName) return text;
  throw new InvalidArgumentError(
    `"${text}" is no node name: lower case letters, digits, "-" and "." are, at most 63 of them`,
  );
}

const collect = (value: string, all: readonly string[]): readonly string[] => [...all, value];

function upCommand(effects: CliEffects, exitWith: (code: number) => void): Command {
  return new Command('up')
    .description(
      'Start everything on this machine, in the foreground: API server, loops, one node, the disk driver.',
    )
    .option('--data-dir <dir>', 'where everything is kept', DEFAULT_DATA_DIR)
    .option('--host <address>', 'address the API server listens on', '127.0.0.1')
    .option('--port <port>', 'port of the API server; 0 takes a free one', portOf, DEFAULT_PORT)
    .option('--node-name <name>', 'name of the node', nodeNameOf, 'node-1')
    .option(
      '--kubelet-root-dir <dir>',
      'kubelet root; stock driver manifests want /var/lib/kubelet (default: <data-dir>/kubelet)',
    )
    .option('--container-runtime-endpoint <socket>', 'CRI socket of a runtime to use instead of the sandbox')
    .option(
      '--driver <socket>',
      'controller socket of a CSI driver to provision and attach for; may be repeated',
      collect,
      [],
    )
    .option(
      '--feature-gates <gates>',
      'features that are not on by default, such as CrossNamespaceVolumeDataSource=true',
      '',
    )
    .option(
      '--controllers <loops>',
      'loops to run: * for all, -name for one less; a named one runs even beside a live kube-controller-manager',
      listOf,
      ['*'],
    )
    .option(
      '--disk-capacity-bytes <bytes>',
      'how much the disk driver may promise in all (default: what its file system has free)',
      bytesOf,
    )
    .addHelpText(
      'after',
      '\nExamples:\n  holdfast up\n  holdfast up --data-dir /tmp/try --port 0\n' +
        '  holdfast up --container-runtime-endpoint /run/containerd/containerd.sock\n',
    )
    .action(async (options) => {
      const { runUp } = await import('./up.ts');
      exitWith(await runUp(effects, options));
    });
}

function demoCommand(effects: CliEffects, exitWith: (code: number) => void): Command {
  return new Command('demo')
    .description('Show the whole life of a volume on this machine, then prove that nothing is left of it.')
    .option('--keep', 'leave everything running, and print the kubeconfig to use', false)
    .addHelpText('after', '\nExamples:\n  holdfast demo\n  holdfast demo --keep\n')
    .action(async (options: { keep: boolean }) => {
      const { runDemo } = await import('./demo/demo.ts');
      exitWith(await runDemo(effects, options));
    });
}
