// Projects by what a test needs: `unit` (pure and in-process, shared isolation), `mount` (real mounts and processes).
import { defineConfig } from 'vitest/config';

const real = ['src/**/*.{mount,e2e,process}.test.ts'];
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'scripts/**/*.test.ts'],
          exclude: real,
          isolate: false,
        },
      },
      {
        test: {
          name: 'mount',
          include: real,
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
