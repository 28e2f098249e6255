// npm run bench -- NAME: runs one benchmark, prints JSON. Exit status 1 when it could not run.
//   start [RUNS]                      from nothing to a pod on a new volume; needs root and builds the bundles
//   control [--scale 0.1] [PART ...]  the control loops: parts are pairs, pairs-https, provision-immediate, …
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const BENCHMARKS: Readonly<Record<string, (args: readonly string[]) => Promise<object>>> = {
  async start([runs = '10']) {
    const build = spawnSync('node', ['scripts/build.ts'], { stdio: ['ignore', 'inherit', 'inherit'] });
    if (build.status !== 0) process.exit(1);
    if (process.getuid?.() !== 0) {
      process.stderr.write('the benchmark "start" mounts volumes, which needs root: run it with sudo\n');
      process.exit(69);
    }
    const { runStart } = await import('./bench/start.ts');
    return runStart(Number(runs));
  },
  async control(args) {
    const { runControl } = await import('./bench/control.ts');
    const at = args.indexOf('--scale');
    const parts = args.filter((_, index) => at < 0 || (index !== at && index !== at + 1));
    return runControl(parts, at < 0 ? 1 : Number(args[at + 1]));
  },
};

// As bin/holdfast does for users.
process.env['NODE_COMPILE_CACHE'] ??= resolve('dist/compile-cache');
const [name = '', ...args] = process.argv.slice(2);
const run = BENCHMARKS[name];
if (run === undefined) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(BENCHMARKS).join(' | ')}\n`);
  process.exit(2);
}
process.stdout.write(`${JSON.stringify(await run(args), null, 2)}\n`);
process.exit(0);
