// npm test: every test that this machine can run; what it skips, it names, with the reason. Exit status 0 when all
// that ran passed. Tests that mount need root; they are named and left out without it.
import { spawnSync } from 'node:child_process';

const isRoot = process.getuid?.() === 0;
if (!isRoot) {
  process.stdout.write(
    'skipped: *.mount, *.process and *.e2e tests: they mount file systems and start namespaces, which needs root\n',
  );
}
const build = spawnSync('node', ['scripts/build.ts'], { stdio: 'inherit' });
if (build.status !== 0) process.exit(build.status ?? 1);
const projects = isRoot ? ['--project', 'unit', '--project', 'mount'] : ['--project', 'unit'];
const result = spawnSync('vitest', ['run', ...projects, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(result.status ?? 1);
