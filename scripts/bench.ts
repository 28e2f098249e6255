// npm run bench -- NAME: builds the bundles, runs one benchmark, prints JSON. Exit status 1 when it could not run.
import { spawnSync } from 'node:child_process';

const BENCHMARKS = ['start'] as const;
const [name = '', ...args] = process.argv.slice(2);
if (!BENCHMARKS.some((known) => known === name)) {
  process.stderr.write(`usage: npm run bench -- ${BENCHMARKS.join(' | ')}\n`);
  process.exit(2);
}
const build = spawnSync('node', ['scripts/build.ts'], { stdio: ['ignore', 'inherit', 'inherit'] });
if (build.status !== 0) process.exit(1);
if (process.getuid?.() !== 0) {
  process.stderr.write(`the benchmark "${name}" mounts volumes, which needs root: run it with sudo\n`);
  process.exit(69);
}
const { runStart } = await import('./bench/start.ts');
process.stdout.write(`${JSON.stringify(await runStart(Number(args[0] ?? 10)), null, 2)}\n`);
process.exit(0);
