// hostPath: a path of the node itself, checked (or made) as its type asks and given to the runtime as it is. Nothing
// is ever removed, and ownership is never changed: the path is the administrator's. It may lie on a file system that
// hangs, so every look at it is a program with a deadline, after which nothing is known.
import type { CommandResult, Host } from '#host/host.ts';
import { type LocalVolumeType, VolumeError } from '../volume-type.ts';

export type HostPathKind =
  | ''
  | 'DirectoryOrCreate'
  | 'Directory'
  | 'FileOrCreate'
  | 'File'
  | 'Socket'
  | 'CharDevice'
  | 'BlockDevice';

export interface HostPathSource {
  readonly path: string;
  readonly kind: HostPathKind;
}

export interface HostPathDeps {
  readonly host: Pick<Host, 'commands'>;
  readonly timeoutMs?: number;
}

/** What `stat` calls the types. */
const REQUIRED: Readonly<Record<Exclude<HostPathKind, ''>, string>> = {
  DirectoryOrCreate: 'directory',
  Directory: 'directory',
  FileOrCreate: 'regular file',
  File: 'regular file',
  Socket: 'socket',
  CharDevice: 'character special file',
  BlockDevice: 'block special file',
};

/** A local look takes milliseconds. */
const TIMEOUT_MS = 10_000;

export function hostPathType(deps: HostPathDeps): LocalVolumeType<HostPathSource> {
  return {
    name: 'host-path',
    async publish({ source }) {
      const { path, kind } = source;
      if (!path.startsWith('/') || path.split('/').includes('..')) {
        throw new VolumeError(
          'invalid',
          `Cannot use hostPath "${path}": an absolute path without ".." is needed`,
        );
      }
      if (kind !== '') await check(deps, path, kind);
      return { hostPath: path, isMount: false };
    },
    unpublish: () => Promise.resolve(),
  };
}

async function check(deps: HostPathDeps, path: string, kind: Exclude<HostPathKind, ''>): Promise<void> {
  if ((await kindOf(deps, path)) === undefined) await make(deps, path, kind);
  const found = await kindOf(deps, path);
  if (found === REQUIRED[kind]) return;
  throw new VolumeError(
    found === undefined ? 'missing' : 'mismatch',
    `hostPath type check failed: "${path}" is ${found ?? 'absent'}, type "${kind}" is needed`,
  );
}

/** What the path leads to; undefined when nothing does. */
async function kindOf(deps: HostPathDeps, path: string): Promise<string | undefined> {
  const result = await run(deps, path, ['stat', '-L', '-c', '%F']);
  if (result.exitCode === 0) return result.stdout.trim().replace('regular empty file', 'regular file');
  if (/No such file or directory|Not a directory/.test(result.stderr)) return undefined;
  throw new VolumeError('mismatch', `hostPath type check failed: ${result.stderr.trim()}`);
}

async function make(deps: HostPathDeps, path: string, kind: HostPathKind): Promise<void> {
  if (kind === 'DirectoryOrCreate') await run(deps, path, ['mkdir', '-p', '-m', '0755']);
  // An empty file, 0644 under the usual umask; one that appeared meanwhile is left as it is.
  if (kind === 'FileOrCreate') await run(deps, path, ['touch']);
}

async function run(
  { host, timeoutMs = TIMEOUT_MS }: HostPathDeps,
  path: string,
  [program = '', ...args]: readonly string[],
): Promise<CommandResult> {
  const result = await host.commands.run(program, [...args, '--', path], { timeoutMs });
  if (result.kind === 'exited') return result;
  throw new VolumeError(
    'mismatch',
    result.kind === 'missing'
      ? `Cannot look at hostPath "${path}": the program "${program}" is not installed`
      : `hostPath "${path}" did not answer within ${timeoutMs / 1000} s: its file system may hang`,
  );
}
