// What /proc says about processes: identity by start time, children, command lines, exit.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf } from '#base/errors.ts';
import type { Ending, ProcessIdentity } from '../processes.ts';
import { reapChild } from './libc.ts';

const POLL_MS = 4;

interface Stat extends ProcessIdentity {
  readonly state: string;
}

/** One process as /proc shows it now; undefined when there is none. */
export function statOf(pid: number): Stat | undefined {
  const text = readOptional(`/proc/${pid}/stat`);
  // The name field may hold anything, also blanks and brackets; the last bracket ends it.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields?.[0];
  const startTime = fields?.[19];
  return state === undefined || startTime === undefined ? undefined : { pid, startTime, state };
}

export function isAlive(process: ProcessIdentity): boolean {
  const stat = statOf(process.pid);
  return (
    stat !== undefined && stat.startTime === process.startTime && stat.state !== 'Z' && stat.state !== 'X'
  );
}

export function signalProcess(target: ProcessIdentity, signal: string): boolean {
  if (!isAlive(target)) return false;
  try {
    process.kill(target.pid, signal);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
    throw error;
  }
}

/** The oldest child: later ones are orphans that the container's init has inherited. */
export function oldestChild(parent: ProcessIdentity): ProcessIdentity | undefined {
  if (!isAlive(parent)) return undefined;
  const text = readOptional(`/proc/${parent.pid}/task/${parent.pid}/children`) ?? '';
  const children = text.split(' ').flatMap((pid) => {
    const stat = pid === '' ? undefined : statOf(Number(pid));
    return stat === undefined ? [] : [stat];
  });
  children.sort((a, b) => Number(a.startTime) - Number(b.startTime) || a.pid - b.pid);
  return children[0];
}

/** Processes with the two words next to each other on their command line. */
export function findMarked(marker: string, id: string): readonly ProcessIdentity[] {
  const found: ProcessIdentity[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const words = (readOptional(`/proc/${name}/cmdline`) ?? '').split('\0');
    const stat = words.some((word, i) => word === marker && words[i + 1] === id)
      ? statOf(Number(name))
      : undefined;
    if (stat !== undefined) found.push(stat);
  }
  return found;
}

/** Waits until the process has ended, taking its status when it is a child of ours (so that no zombie stays). */
export async function waitEnd(target: ProcessIdentity, timeoutMs: number): Promise<Ending> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    if (statOf(target.pid)?.startTime === target.startTime) {
      const status = reapChild(target.pid);
      if (status !== undefined) return { kind: 'ended', exitCode: exitCodeOf(status) };
    }
    if (!isAlive(target)) return { kind: 'ended', exitCode: undefined };
    if (performance.now() >= until) return { kind: 'running' };
    await delay(POLL_MS);
  }
}

/** The shell's view of a wait status: 128 + n for an end by signal n. */
function exitCodeOf(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    // ESRCH: it ended while we read.
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}
