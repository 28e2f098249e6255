// Questions to block devices. Rule HST12.
import { constants } from 'node:fs';
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { codeOf } from '#base/errors.ts';
import { type BlockDevices, HostError } from '../host.ts';

const SECTOR_BYTES = 512;
const ASK_AGAIN_MS = 10;

async function numberOf(device: string): Promise<string> {
  const found = await stat(device, { bigint: true });
  if (!found.isBlockDevice()) {
    throw new HostError({
      code: 'ENOTBLK',
      syscall: 'stat',
      path: device,
      message: `${JSON.stringify(device)} is no block device`,
    });
  }
  const major = ((found.rdev >> 8n) & 0xfffn) | ((found.rdev >> 32n) & ~0xfffn);
  const minor = (found.rdev & 0xffn) | ((found.rdev >> 12n) & ~0xffn & 0xffffffffn);
  return `${major}:${minor}`;
}

async function isFreeNow(device: string): Promise<boolean> {
  try {
    // Any mount of it, in whatever namespace, holds it exclusively and makes this EBUSY.
    const file = await open(device, constants.O_RDONLY | constants.O_EXCL);
    await file.close();
    return true;
  } catch (error) {
    if (codeOf(error) === 'EBUSY') return false;
    throw error;
  }
}

/** Block devices of this machine. */
export const realBlocks: BlockDevices = {
  async isFree(device, { waitMs } = { waitMs: 0 }) {
    const end = performance.now() + waitMs;
    for (;;) {
      if (await isFreeNow(device)) return true;
      if (performance.now() >= end) return false;
      await pause(ASK_AGAIN_MS);
    }
  },
  async sizeBytes(device) {
    const sectors = await readFile(`/sys/dev/block/${await numberOf(device)}/size`, 'utf8');
    return Number(sectors.trim()) * SECTOR_BYTES;
  },
  async setReadAheadKiB(device, kib) {
    await writeFile(await readAheadFile(device), String(kib));
  },
  async readAheadKiB(device) {
    return Number((await readFile(await readAheadFile(device), 'utf8')).trim());
  },
  numberOf,
};

async function readAheadFile(device: string): Promise<string> {
  return `/sys/dev/block/${await numberOf(device)}/queue/read_ahead_kb`;
}
