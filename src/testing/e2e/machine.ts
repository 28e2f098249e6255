// Compares the machine before and after all tests of a file: an end-to-end file shares one Holdfast among its tests.
import { afterAll, beforeAll } from 'vitest';
import { compareMachine, type MachineState } from '#host/machine-state.ts';
import { realMachineObserver } from '#host/real/machine-state.ts';
import { DATA_MARKER, until } from './holdfast-process.ts';

const WITHIN_MS = 5_000;

/** Call it first in a file, so that it looks after all other hooks. Only what names a directory of this process counts. */
export function watchMachine(): void {
  const observer = realMachineObserver();
  const observe = async (): Promise<MachineState> => {
    const { mounts, loops, processes } = await observer.observe(DATA_MARKER);
    const isOurs = (line: string): boolean => line.includes(DATA_MARKER);
    return { mounts: mounts.filter(isOurs), loops: loops.filter(isOurs), processes };
  };
  let before: MachineState | undefined;
  beforeAll(async () => {
    before = await observe();
  });
  afterAll(async () => {
    if (before === undefined) return;
    const start = before;
    let left: readonly string[] = [];
    // A process that was told to end needs a moment to be gone.
    const clean = until(
      'the machine to be as it was',
      async () => {
        ({ left } = compareMachine(start, await observe()));
        return left.length === 0 ? true : undefined;
      },
      WITHIN_MS,
    );
    await clean.catch(() => {
      throw new Error(`The tests left behind:\n${left.join('\n')}`);
    });
  });
}
