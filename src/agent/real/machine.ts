// The facts of the real machine, from the kernel's files.
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import type { Machine } from '../node/machine.ts';

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

async function line(path: string): Promise<string> {
  try {
    return (await fs.readFile(path, 'utf8')).trim();
  } catch {
    return '';
  }
}

async function osImage(): Promise<string> {
  const text = await line('/etc/os-release');
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? 'Linux';
}

export function realMachine(): Machine {
  return {
    async facts(kubeletRoot) {
      const storage = await fs.statfs(kubeletRoot, { bigint: true });
      return {
        cpuCount: os.cpus().length,
        memoryBytes: BigInt(os.totalmem()),
        ephemeralStorageBytes: storage.blocks * storage.bsize,
        hostname: os.hostname(),
        kernelVersion: os.release(),
        osImage: await osImage(),
        machineId: await line('/etc/machine-id'),
        systemUuid: await line('/sys/class/dmi/id/product_uuid'),
        architecture: GO_ARCHITECTURES[os.arch()] ?? os.arch(),
      };
    },
  };
}
