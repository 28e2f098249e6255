// Fails a test that leaves something on the machine: a mount, a configured loop device, a process (#host/machine-state.ts
// says what counts). Zombies do not: an orphan can stay one for a while.
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach } from 'vitest';
import { compareMachine, type MachineState } from '#host/machine-state.ts';
import { realMachineObserver } from '#host/real/machine-state.ts';

/**
 * Scratch folders (testing/real/scratch.ts) have it in their name, so that images, sockets and commands show whose they
 * are: this process's, since other tests may run on the machine at the same time.
 */
export const SCRATCH_MARKER = `/hf-${process.pid}-`;

// A process that was sent SIGKILL may still be there for a moment.
const ATTEMPTS = 50;
const ATTEMPT_MS = 10;

/**
 * Registers hooks that compare the machine before and after each test. Call it after the other hooks of a file:
 * then it looks before they clean up. `within`: only lines that hold this text count, for a machine where others mount too.
 */
export function watchLeaks(options: { readonly within?: string } = {}): void {
  const observer = realMachineObserver();
  const observe = async (): Promise<MachineState> => {
    const state = await observer.observe(options.within ?? SCRATCH_MARKER);
    const isMine = (line: string): boolean => options.within === undefined || line.includes(options.within);
    return {
      mounts: state.mounts.filter(isMine),
      loops: state.loops.filter(isMine),
      processes: state.processes.filter(isMine),
    };
  };
  let before: MachineState | undefined;
  beforeEach(async () => {
    before = await observe();
  });
  afterEach(async () => {
    if (before === undefined) return;
    let lines: readonly string[] = [];
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { left, missing } = compareMachine(before, await observe());
      lines = [...left.map((line) => `left: ${line}`), ...missing.map((line) => `gone: ${line}`)];
      if (lines.length === 0) return;
      await pause(ATTEMPT_MS);
    }
    throw new Error(`The test changed the machine:\n${lines.join('\n')}`);
  });
}
