// The descriptor walk: each component is opened with O_PATH and O_NOFOLLOW through /proc/self/fd/<n>/<name>, which has
// the meaning of openat(2), and its type and mount are read from the descriptor, not from the name.
import { closeSync, constants } from 'node:fs';
import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises';
import { codeOf } from '#base/errors.ts';
import { HostError, type PathKind } from '../host.ts';
import { componentsOf, type PinnedPath, type SafePaths } from '../safe-path.ts';
import { openBeneath } from './syscalls.ts';

// Not among fs.constants: O_PATH of Linux on every architecture Holdfast runs on.
const O_PATH = 0o10000000;
const PIN = O_PATH | constants.O_NOFOLLOW;

/** The path of an open descriptor, valid in this process and, while it lives, in others. */
export const descriptorPath = (file: FileHandle): string => `/proc/${process.pid}/fd/${file.fd}`;

/** The ID of the mount a descriptor was opened through: the one test that tells bind mounts of one disk apart. */
export async function mountIdOf(file: FileHandle): Promise<number> {
  const text = await readFile(`/proc/self/fdinfo/${file.fd}`, 'utf8');
  const id = /^mnt_id:\s*(\d+)$/m.exec(text)?.[1];
  if (id !== undefined) return Number(id);
  throw new HostError({
    code: 'UNSUPPORTED',
    syscall: 'fdinfo',
    path: '',
    message: 'the kernel gives no mount ID',
  });
}

/** Opens a name, in a directory or absolute, without following a link in its last component. */
export function pin(path: string | Buffer): Promise<FileHandle> {
  return open(path, PIN);
}

async function kindOf(file: FileHandle): Promise<PathKind | 'symlink'> {
  const found = await file.stat();
  if (found.isSymbolicLink()) return 'symlink';
  if (found.isDirectory()) return 'directory';
  if (found.isFile()) return 'file';
  return found.isBlockDevice() ? 'block' : 'other';
}

function refused(code: string, path: string, because: string): HostError {
  return new HostError({
    code,
    syscall: 'walk',
    path,
    message: `Cannot open ${JSON.stringify(path)}: ${because}`,
  });
}

interface Walk {
  readonly root: string;
  readonly relative: string;
  readonly oneMount: boolean;
  /** Mode of directories to make; undefined: none is made. */
  readonly make: number | undefined;
}

async function walk({ root, relative, oneMount, make }: Walk): Promise<PinnedPath> {
  let at = await pinRoot(root);
  try {
    const rootMount = await mountIdOf(at);
    for (const component of componentsOf(relative)) {
      const next = await step(at, component, { path: `${root}/${relative}`, make });
      await at.close();
      at = next;
      const isElsewhere = oneMount && (await mountIdOf(at)) !== rootMount;
      if (isElsewhere)
        throw refused('EXDEV', `${root}/${relative}`, `${JSON.stringify(component)} is another mount`);
    }
    return await pinned(at, `${root}/${relative}`);
  } catch (error) {
    await at.close();
    throw error;
  }
}

async function pinRoot(root: string): Promise<FileHandle> {
  const file = await pin(root);
  if ((await kindOf(file)) === 'directory') return file;
  await file.close();
  throw refused('ENOTDIR', root, 'the root of a walk must be a directory and no link');
}

async function step(
  directory: FileHandle,
  component: string,
  { path, make }: { readonly path: string; readonly make: number | undefined },
): Promise<FileHandle> {
  const child = `/proc/self/fd/${directory.fd}/${component}`;
  if ((await kindOf(directory)) !== 'directory')
    throw refused('ENOTDIR', path, 'a component is no directory');
  if (make !== undefined) {
    await mkdir(child, { mode: make }).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
  }
  const next = await pin(child);
  if ((await kindOf(next)) !== 'symlink') return next;
  await next.close();
  throw refused(
    'ELOOP',
    path,
    `${JSON.stringify(component)} is a symbolic link, which is never followed here`,
  );
}

async function pinned(file: FileHandle, path: string): Promise<PinnedPath> {
  const kind = await kindOf(file);
  if (kind === 'symlink') throw refused('ELOOP', path, 'it is a symbolic link');
  return {
    path: descriptorPath(file),
    kind,
    mountId: await mountIdOf(file),
    identity: await identityOf(file),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

async function identityOf(file: FileHandle): Promise<string> {
  const { dev, ino } = await file.stat({ bigint: true });
  return `${dev}:${ino}`;
}

async function identify(path: string): Promise<string> {
  const file = await pin(path);
  try {
    return await identityOf(file);
  } finally {
    await file.close();
  }
}

/** Somebody who renames all the time gets no more of our time than this. */
const ATTEMPTS = 64;
const O_CLOEXEC = 0o2000000;

async function openInside(root: string, relative: string): Promise<PinnedPath> {
  const path = componentsOf(relative).join('/');
  const at = await pinRoot(root);
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        const fd = await openBeneath(at.fd, path === '' ? '.' : path, O_PATH | O_CLOEXEC);
        return await adopt(fd, `${root}/${path}`);
      } catch (error) {
        if (codeOf(error) !== 'EAGAIN' || attempt === ATTEMPTS) throw error;
      }
    }
  } finally {
    await at.close();
  }
}

/** Node makes no FileHandle from a number: the same file is opened again through it, which follows no name. */
async function adopt(fd: number, path: string): Promise<PinnedPath> {
  try {
    const file = await open(`/proc/self/fd/${fd}`, O_PATH);
    return await pinned(file, path).catch(async (error: unknown) => {
      await file.close();
      throw error;
    });
  } finally {
    closeSync(fd);
  }
}

/** Walks on this machine. */
export const realSafePaths: SafePaths = {
  open: (root, relative, { oneMount }) => walk({ root, relative, oneMount, make: undefined }),
  openBeneath: openInside,
  identify,
  makeDirectories: (root, relative, { mode }) => walk({ root, relative, oneMount: true, make: mode }),
};
