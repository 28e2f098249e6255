// A reporter that names every skipped test with its reason, so that nobody takes a skip for a pass.
import type { Reporter, TestModule } from 'vitest/node';

/** Prints one line a skipped test, at most a line a reason of a whole group. */
export function nameSkipped(write: (text: string) => void): Reporter {
  return {
    onTestRunEnd(modules: readonly TestModule[]) {
      const lines = modules.flatMap((module) =>
        [...module.children.allTests('skipped')].flatMap((test) => {
          const result = test.result();
          const note = result.state === 'skipped' ? result.note : undefined;
          // Those that were only not chosen (-t) have no reason.
          return note === undefined ? [] : [`skipped: ${test.fullName}: ${note}`];
        }),
      );
      if (lines.length > 0) write(`${lines.join('\n')}\n`);
    },
  };
}
