// One image file made equal to another: by reflink, or by its data extents. Rule HST40.
import { constants, type PathLike } from 'node:fs';
import { copyFile, type FileHandle, open } from 'node:fs/promises';
import { codeOf } from '#base/errors.ts';
import { HostError } from '../host.ts';
import { nextExtent } from './syscalls.ts';

const CHUNK_BYTES = 1024 * 1024;
// A file system without reflink says so in one of these ways; anything else is a real failure.
const NO_REFLINK: ReadonlySet<string> = new Set([
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EXDEV',
  'EINVAL',
  'ENOTTY',
]);

/** Copies `from` to `to`, synced; the caller syncs the folder. */
export async function copyImage(
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<{ readonly isShared: boolean }> {
  if (await reflink(from, to)) return { isShared: true };
  await using source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  await using target = await open(to, flags, 0o600);
  const { size } = await source.stat();
  await target.truncate(size);
  for (let at = 0; at < size; ) {
    const extent = nextExtent(source.fd, from, at);
    if (extent === undefined) break;
    await copyExtent({ source, target, from, signal }, extent.from, Math.min(extent.to, size));
    at = extent.to;
  }
  await target.sync();
  return { isShared: false };
}

async function reflink(from: PathLike, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
  } catch (error) {
    if (NO_REFLINK.has(codeOf(error) ?? '')) return false;
    throw error;
  }
  await using copy = await open(to, constants.O_RDWR | constants.O_NOFOLLOW);
  await copy.chmod(0o600);
  await copy.sync();
  return true;
}

interface Copying {
  readonly source: FileHandle;
  readonly target: FileHandle;
  readonly from: string;
  readonly signal: AbortSignal;
}

async function copyExtent(
  { source, target, from, signal }: Copying,
  start: number,
  end: number,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - start));
  for (let at = start; at < end; ) {
    if (signal.aborted) throw copyError('TIMEOUT', from, 'the copy took longer than it may');
    const { bytesRead } = await source.read(buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) throw copyError('EIO', from, `nothing could be read at byte ${at}, inside its size`);
    for (let done = 0; done < bytesRead; ) {
      done += (await target.write(buffer, done, bytesRead - done, at + done)).bytesWritten;
    }
    at += bytesRead;
  }
}

function copyError(code: string, path: string, because: string): HostError {
  return new HostError({
    code,
    syscall: 'copy',
    path,
    message: `Cannot copy the image ${JSON.stringify(path)}: ${because}`,
  });
}
