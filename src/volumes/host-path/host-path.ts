// hostPath: a path of the node itself, checked (or made) as its type asks and given to the runtime as it is. Nothing
// is ever removed, and ownership is never changed: the path is the administrator's.
import type { EntryKind, Tree } from '../tree.ts';
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

const REQUIRED: Readonly<Record<Exclude<HostPathKind, ''>, EntryKind>> = {
  DirectoryOrCreate: 'directory',
  Directory: 'directory',
  FileOrCreate: 'file',
  File: 'file',
  Socket: 'socket',
  CharDevice: 'character',
  BlockDevice: 'block',
};

async function make(tree: Tree, { path, kind }: HostPathSource): Promise<void> {
  if (kind === 'DirectoryOrCreate') await tree.makeDirectory(path, 0o755);
  if (kind === 'FileOrCreate') await tree.createFile(path, new Uint8Array(), 0o644);
}

export function hostPathType({ tree }: { readonly tree: Tree }): LocalVolumeType<HostPathSource> {
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
      if (kind !== '') {
        if ((await tree.targetKind(path)) === undefined) await make(tree, source);
        const found = await tree.targetKind(path);
        if (found !== REQUIRED[kind]) {
          throw new VolumeError(
            found === undefined ? 'missing' : 'mismatch',
            `hostPath type check failed: "${path}" is ${found ?? 'absent'}, type "${kind}" is needed`,
          );
        }
      }
      return { hostPath: path, isMount: false };
    },
    unpublish: () => Promise.resolve(),
  };
}
