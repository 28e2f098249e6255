// npm run test:interop: stock tools against Holdfast. Builds them with Go from their published modules into .cache/;
// says why when it skips.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { resolve } from 'node:path';

function skip(why: string): never {
  process.stdout.write(`skipped: interop tests: ${why}\n`);
  process.exit(0);
}

if (process.getuid?.() !== 0) skip('they mount volumes, which needs root');
mkdirSync('.cache', { recursive: true });
/** Folder of test/interop and the package that `go build` takes there. */
const TOOLS = [
  { name: 'kubectl', source: '.' },
  { name: 'csi-sanity', source: 'github.com/kubernetes-csi/csi-test/v5/cmd/csi-sanity' },
  { name: 'client-go', source: '.' },
];
const kubectl = resolve('.cache/kubectl');
for (const { name, source } of TOOLS) {
  const path = resolve('.cache', name);
  if (existsSync(path)) continue;
  const go = spawnSync('go', ['version'], { stdio: 'ignore' });
  if (go.status !== 0) skip(`they build stock ${name}, which needs Go`);
  process.stdout.write(`building ${name} (the first time takes minutes)\n`);
  const built = spawnSync('go', ['build', '-o', path, source], {
    cwd: `test/interop/${name}`,
    stdio: 'inherit',
  });
  if (built.status !== 0) process.exit(1);
}
if (spawnSync('node', ['scripts/build.ts'], { stdio: 'inherit' }).status !== 0) process.exit(1);
const tests = spawnSync('vitest', ['run', '--project', 'interop'], {
  stdio: 'inherit',
  env: { ...process.env, HOLDFAST_KUBECTL: kubectl },
});
process.exit(tests.status ?? 1);
