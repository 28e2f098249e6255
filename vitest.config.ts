// Projects by what a test needs: `unit` (pure and in-process, shared isolation), `mount` (real mounts and processes,
// root), `interop` (stock tools built with Go).
import { defineConfig } from 'vitest/config';
import { nameSkipped } from './scripts/name-skipped.ts';

const real = ['src/**/*.{mount,process,e2e}.test.ts'];
const interop = ['src/**/*.interop.test.ts'];
// On CI a test on a shared, noisy machine gets a second chance; one that fails for a reason fails twice.
const retry = process.env['CI'] === 'true' ? 2 : 0;
const serial = {
  retry,
  pool: 'forks' as const,
  fileParallelism: false,
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    reporters: ['default', nameSkipped((text) => void process.stdout.write(text))],
    // Vitest leaves one core free, which on two cores is half of them.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'scripts/**/*.test.ts'],
          exclude: [...real, ...interop],
          isolate: false,
          // The machine may be shared and slow; a test that hangs still ends.
          testTimeout: 30_000,
        },
      },
      { test: { name: 'mount', include: real, ...serial } },
      { test: { name: 'interop', include: interop, ...serial } },
    ],
  },
});
