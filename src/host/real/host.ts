// The real host: everything that this process may ask of the machine's kernel. Only main makes one.
import { readFile } from 'node:fs/promises';
import type { LocalHost } from '../host.ts';
import { realBlocks } from './blocks.ts';
import { realCommands } from './commands.ts';
import { realFilesystems } from './filesystems.ts';
import { realImages } from './images.ts';
import { realLoops } from './loops.ts';
import { realMountPoints } from './mount-points.ts';
import { realMounts } from './mounts.ts';

/** Host of the agent and, with images and file systems, of the disk driver. */
export function realHost(): LocalHost {
  return {
    mounts: realMounts,
    loops: realLoops,
    blocks: realBlocks,
    commands: realCommands,
    images: realImages,
    filesystems: realFilesystems(),
    mountPoints: realMountPoints,
    bootId: async () => (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
  };
}
