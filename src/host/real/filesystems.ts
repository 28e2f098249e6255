// mkfs, growing, superblock probes and statfs for ext4 and xfs on local devices. Rules HST19 to HST21.
// mkfs runs without force, but nothing is left to its own refusals: mkfs.ext4 without a terminal overwrites a live
// file system. What protects data is the proof, and the device being the one that the proof is about.
import { open, statfs } from 'node:fs/promises';
import { messageOf } from '#base/errors.ts';
import type {
  CommandResult,
  Filesystems,
  FormatOutcome,
  LocalFilesystem,
  LoopDevices,
  ProbedFilesystem,
} from '../host.ts';
import { realCommands } from './commands.ts';
import { thaw, whileFrozen } from './freeze.ts';
import { realLoops } from './loops.ts';

// A new image of any size is formatted in well under a second; a machine in trouble gets the rest.
const TIMEOUT_MS = 120_000;

interface Program {
  readonly program: string;
  readonly debianPackage: string;
  readonly args: (request: { readonly device: string; readonly mountPoint: string }) => readonly string[];
}

// Lazy tables and journal: the image reads as zero, so there is nothing to initialise. No discard: it is sparse
// already. No reserved blocks: the volume belongs to its user.
const MKFS: Readonly<Record<LocalFilesystem, Program>> = {
  ext4: {
    program: 'mkfs.ext4',
    debianPackage: 'e2fsprogs',
    args: ({ device }) => [
      '-q',
      '-m',
      '0',
      '-E',
      'lazy_itable_init=1,lazy_journal_init=1,nodiscard',
      '--',
      device,
    ],
  },
  xfs: {
    program: 'mkfs.xfs',
    debianPackage: 'xfsprogs',
    args: ({ device }) => ['-q', '-K', '--', device],
  },
};

const GROW: Readonly<Record<LocalFilesystem, Program>> = {
  ext4: { program: 'resize2fs', debianPackage: 'e2fsprogs', args: ({ device }) => ['--', device] },
  xfs: { program: 'xfs_growfs', debianPackage: 'xfsprogs', args: ({ mountPoint }) => ['--', mountPoint] },
};

// resize2fs wants a checked file system when it is not mounted; -p repairs only what is safe.
const CHECK: Program = {
  program: 'e2fsck',
  debianPackage: 'e2fsprogs',
  args: ({ device }) => ['-f', '-p', '--', device],
};

const NEW_UUID: Program = {
  program: 'tune2fs',
  debianPackage: 'e2fsprogs',
  args: ({ device }) => ['-U', 'random', '--', device],
};

const PROBE_BYTES = 4096;

async function probe(device: string): Promise<ProbedFilesystem | undefined> {
  const file = await open(device, 'r');
  try {
    const head = Buffer.alloc(PROBE_BYTES);
    const { bytesRead } = await file.read(head, 0, PROBE_BYTES, 0);
    return bytesRead === PROBE_BYTES ? (probeExt4(head) ?? probeXfs(head)) : undefined;
  } finally {
    await file.close();
  }
}

/** The superblock is at byte 1024: block count at 4 and (high half) 336, log2 of the block size less 10 at 24. */
function probeExt4(head: Buffer): ProbedFilesystem | undefined {
  if (head.readUInt16LE(1024 + 56) !== 0xef53) return undefined;
  const blocks = head.readUInt32LE(1024 + 4) + head.readUInt32LE(1024 + 336) * 2 ** 32;
  return { fsType: 'ext4', sizeBytes: blocks * 2 ** (10 + head.readUInt32LE(1024 + 24)) };
}

/** The superblock is at byte 0, big-endian: block size at 4, block count at 8. */
function probeXfs(head: Buffer): ProbedFilesystem | undefined {
  if (head.toString('latin1', 0, 4) !== 'XFSB') return undefined;
  return { fsType: 'xfs', sizeBytes: Number(head.readBigUInt64BE(8)) * head.readUInt32BE(4) };
}

async function grow({
  device,
  mountPoint,
  fsType,
}: Parameters<Filesystems['grow']>[0]): Promise<FormatOutcome> {
  if (mountPoint === undefined) {
    if (fsType !== 'ext4') return { kind: 'failed', message: `${fsType} grows only while it is mounted` };
    const checked = await run(CHECK, { device, mountPoint: '' }, [0, 1]);
    if (checked.kind !== 'done') return checked;
  }
  const grown = await run(GROW[fsType], { device, mountPoint: mountPoint ?? '' });
  if (grown.kind !== 'failed' || !grown.message.includes('Permission denied to resize')) return grown;
  return {
    kind: 'failed',
    message: `${grown.message}: to grow a mounted ext4 the kernel demands CAP_SYS_RESOURCE, which this process lacks`,
  };
}

/** xfs wants a clean log for it, which a frozen one never has: its mounts take `nouuid` instead. */
async function renewIdentity(device: string, fsType: LocalFilesystem): Promise<FormatOutcome> {
  if (fsType === 'xfs') return { kind: 'done' };
  const request = { device, mountPoint: '' };
  // The check replays the journal; without it tune2fs refuses where checksums hang on the UUID.
  const checked = await run(CHECK, request, [0, 1]);
  return checked.kind === 'done' ? run(NEW_UUID, request) : checked;
}

async function run(
  program: Program,
  request: { readonly device: string; readonly mountPoint: string },
  good: readonly number[] = [0],
): Promise<FormatOutcome> {
  const result = await realCommands.run(program.program, program.args(request), { timeoutMs: TIMEOUT_MS });
  switch (result.kind) {
    case 'missing':
      return { kind: 'missing', program: program.program, debianPackage: program.debianPackage };
    case 'timed-out':
      return { kind: 'unknown' };
    case 'exited':
      if (good.includes(result.exitCode ?? -1)) return { kind: 'done' };
      return {
        kind: 'failed',
        message: `${program.program} ended with ${result.exitCode}: ${firstLines(result)}`,
      };
  }
}

function firstLines({ stderr, stdout }: CommandResult): string {
  const text = (stderr.trim() || stdout.trim() || 'it printed nothing').replaceAll(/\s+/g, ' ');
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

/** File systems of this machine. `loops` says what backs a device. */
export function realFilesystems(loops: LoopDevices = realLoops): Filesystems {
  return {
    async format({ device, fsType, proof }) {
      const loop = (await loops.list()).find((found) => found.device === device);
      if (loop?.backingInode !== proof.inode || loop.backingDevice !== proof.deviceId) {
        return {
          kind: 'failed',
          message: `"${device}" is not backed by "${proof.image}", which was proven blank`,
        };
      }
      return run(MKFS[fsType], { device, mountPoint: '' });
    },
    probe,
    grow,
    whileFrozen,
    thaw,
    renewIdentity,
    async usage(path) {
      const found = await statfs(path, { bigint: true }).catch((error: unknown) => {
        throw new Error(`Cannot read the usage of ${JSON.stringify(path)}: ${messageOf(error)}`, {
          cause: error,
        });
      });
      return {
        totalBytes: found.blocks * found.bsize,
        availableBytes: found.bavail * found.bsize,
        usedBytes: (found.blocks - found.bfree) * found.bsize,
        totalInodes: found.files,
        freeInodes: found.ffree,
      };
    },
  };
}
