// The one system call that Node lacks here: flock. The kernel lets go of it when the process ends, however it ends, so
// there is no stale lock. The library is loaded at the first lock, since most processes take none.
import { getSystemErrorName } from 'node:util';

const LOCK_EX = 2;
const LOCK_NB = 4;

type Flock = (fd: number, operation: number) => { readonly result: number; readonly errno: number };
let loaded: Promise<Flock> | undefined;

/** True when the lock on `fd` was taken, false when another open file holds it. `path` is for the message. */
export async function tryLock(fd: number, path: string): Promise<boolean> {
  loaded ??= load();
  const flock = await loaded;
  const { result, errno } = flock(fd, LOCK_EX | LOCK_NB);
  if (result === 0) return true;
  const code = getSystemErrorName(-errno);
  if (code === 'EAGAIN') return false;
  throw Object.assign(new Error(`Locking "${path}": ${code}: a file system with flock is needed`), { code });
}

async function load(): Promise<Flock> {
  const { default: koffi } = await import('koffi');
  const call = koffi.load(null).func('int flock(int fd, int operation)');
  return (fd, operation) => {
    const result: unknown = call(fd, operation);
    return { result: Number(result), errno: koffi.errno() };
  };
}
