// The machine's state as /proc and /sys tell it.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { MachineObserver } from '../machine-state.ts';

export function realMachineObserver(): MachineObserver {
  return {
    observe: (marker) =>
      Promise.resolve({ mounts: readMounts(), loops: readLoops(), processes: readProcesses(marker) }),
  };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    // The process or device went while we looked.
    return undefined;
  }
}

function readMounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [left = '', right = ''] = line.split(' - ');
      const [type = '', source = ''] = right.split(' ');
      return `${left.split(' ')[4] ?? ''} (${type} from ${source})`;
    });
}

function readLoops(): string[] {
  return readdirSync('/sys/block')
    .filter((name) => name.startsWith('loop'))
    .flatMap((name) => {
      const file = attempt(() => readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim());
      return file === undefined ? [] : [`/dev/${name} (${file})`];
    });
}

function readProcesses(marker: string): string[] {
  const home = readlinkSync('/proc/self/ns/mnt');
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .flatMap((pid) => {
      const command = attempt(() =>
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(),
      );
      // Kernel threads have no command line.
      if (command === undefined || command === '' || isZombie(pid)) return [];
      return command.includes(marker) || isContained(pid, { home, marker })
        ? [`${pid} ${command.slice(0, 100)}`]
        : [];
    });
}

/** Whether the process sees other mounts than we do, and `marker` among them. */
function isContained(
  pid: string,
  { home, marker }: { readonly home: string; readonly marker: string },
): boolean {
  const namespace = attempt(() => readlinkSync(`/proc/${pid}/ns/mnt`));
  if (namespace === undefined || namespace === home) return false;
  return attempt(() => readFileSync(`/proc/${pid}/mountinfo`, 'utf8'))?.includes(marker) ?? false;
}

function isZombie(pid: string): boolean {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return stat === undefined || stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
}
