// Sparse image files: made, grown, proven blank and wiped. Rules HST15 to HST18.
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '#base/errors.ts';
import { type BlankCheck, type FormatProof, HostError, type ImageFile, type ImageFiles } from '../host.ts';
import { copyImage } from './copy-image.ts';
import { nextExtent } from './syscalls.ts';

const READ_BYTES = 1024 * 1024;
const ZEROS = Buffer.alloc(READ_BYTES);
const BLOCK_BYTES = 512;

function imageError(code: string, path: string, because: string): HostError {
  return new HostError({
    code,
    syscall: 'image',
    path,
    message: `Image file ${JSON.stringify(path)}: ${because}`,
  });
}

async function statImage(path: string): Promise<ImageFile | undefined> {
  const found = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  if (!found.isFile()) throw imageError('EINVAL', path, 'something that is no regular file stands there');
  return {
    sizeBytes: found.size,
    allocatedBytes: found.blocks * BLOCK_BYTES,
    deviceId: found.dev,
    inode: found.ino,
  };
}

async function openImage(path: string, flags: number): Promise<FileHandle> {
  const file = await open(path, flags | constants.O_NOFOLLOW, 0o600);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw imageError('EINVAL', path, 'something that is no regular file stands there');
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function create(path: string, sizeBytes: number): Promise<void> {
  const file = await openImage(path, constants.O_RDWR | constants.O_CREAT);
  try {
    // Only ever grown: to cut an image would cut a file system.
    if ((await file.stat()).size < sizeBytes) await file.truncate(sizeBytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(path);
}

async function remove(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
  await syncFolder(path).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}

async function proveBlank(path: string, sizeBytes: number): Promise<BlankCheck> {
  const file = await openImage(path, constants.O_RDONLY);
  try {
    const found = await file.stat();
    if (found.size !== sizeBytes) return { kind: 'wrong-size', sizeBytes: found.size };
    for (let at = 0; at < sizeBytes; ) {
      // A hole reads as zero by definition; everything else is read, however it came to be there.
      const extent = nextExtent(file.fd, path, at);
      if (extent === undefined) break;
      const offset = await firstNonZero(file, path, extent.from, Math.min(extent.to, sizeBytes));
      if (offset !== undefined) return { kind: 'data', offset };
      at = extent.to;
    }
    const proof = { image: path, deviceId: found.dev, inode: found.ino, sizeBytes };
    return { kind: 'blank', proof: proof as FormatProof };
  } finally {
    await file.close();
  }
}

/** Where the first megabyte that is not all zero begins; a read that gives less than was asked proves nothing. */
async function firstNonZero(
  file: FileHandle,
  path: string,
  from: number,
  to: number,
): Promise<number | undefined> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  for (let at = from; at < to; ) {
    const wanted = Math.min(READ_BYTES, to - at);
    const { bytesRead } = await file.read(buffer, 0, wanted, at);
    if (bytesRead === 0)
      throw imageError('EIO', path, `nothing could be read at byte ${at}, inside its size`);
    if (!buffer.subarray(0, bytesRead).equals(ZEROS.subarray(0, bytesRead))) return at;
    at += bytesRead;
  }
  return undefined;
}

/** Image files of this machine. */
export const realImages: ImageFiles = {
  stat: statImage,
  create,
  remove,
  proveBlank,
  async copy(from, to, signal) {
    const copied = await copyImage(from, to, signal);
    await syncFolder(to);
    return copied;
  },
  async wipe(path, proof) {
    if (proof.image !== path)
      throw imageError('EINVAL', path, `the proof is about ${JSON.stringify(proof.image)}`);
    const file = await openImage(path, constants.O_RDWR);
    try {
      const { size } = await file.stat();
      await file.truncate(0);
      await file.truncate(size);
      await file.sync();
    } finally {
      await file.close();
    }
  },
};
