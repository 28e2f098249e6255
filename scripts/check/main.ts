// npm run check: the one gate. Runs every check, two at a time, prints a line each, and for a failure what to do.
import { spawn } from 'node:child_process';
import { checkBans } from './bans.ts';
import { checkImports } from './imports.ts';
import { checkRules } from './rules.ts';

interface Result {
  readonly ok: boolean;
  readonly output: string;
}
interface Check {
  readonly name: string;
  readonly fix: string;
  run(): Promise<Result>;
}

function command(program: string, ...args: readonly string[]): () => Promise<Result> {
  return () =>
    new Promise((resolve) => {
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.on('error', (error) => resolve({ ok: false, output: error.message }));
      child.on('close', (code) => resolve({ ok: code === 0, output }));
    });
}
const list =
  (check: () => readonly string[]): (() => Promise<Result>) =>
  () => {
    const problems = check();
    return Promise.resolve({ ok: problems.length === 0, output: problems.join('\n') });
  };

const CHECKS: readonly Check[] = [
  { name: 'unit tests', fix: 'npm run test:unit', run: command('vitest', 'run', '--project', 'unit') },
  { name: 'generated', fix: 'npm run generate', run: command('node', 'scripts/generate/main.ts', '--check') },
  { name: 'format', fix: 'npm run format', run: command('biome', 'format', '.') },
  { name: 'types', fix: 'bin/run tsc -p .', run: command('tsc', '-p', '.') },
  {
    name: 'lint',
    fix: 'bin/run oxlint --type-aware',
    run: command('oxlint', '--type-aware', '--deny-warnings', 'src', 'scripts'),
  },
  { name: 'imports', fix: 'architecture.json says who may import whom', run: list(checkImports) },
  { name: 'bans and sizes', fix: 'each line names the replacement', run: list(checkBans) },
  { name: 'rules', fix: 'cite the rule in a test name, or remove it from SPEC.md', run: list(checkRules) },
  { name: 'dead code', fix: 'bin/run knip', run: command('knip') },
];

const only = process.argv.slice(2);
const queue = CHECKS.filter((c) => only.length === 0 || only.includes(c.name));
let failed = 0;
async function worker(): Promise<void> {
  for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
    const start = performance.now();
    const result = await check.run();
    const seconds = ((performance.now() - start) / 1000).toFixed(1).padStart(5);
    const counts = check.name === 'unit tests' ? `  ${/Tests\s+(.*)/.exec(result.output)?.[1] ?? ''}` : '';
    process.stdout.write(
      `${result.ok ? 'ok    ' : 'FAILED'} ${check.name.padEnd(15)} ${seconds} s${counts}\n`,
    );
    if (!result.ok) {
      failed++;
      process.stdout.write(`${result.output.trim().replace(/^/gm, '    ')}\n    to mend: ${check.fix}\n`);
    }
  }
}
await Promise.all([worker(), worker()]);
process.exitCode = failed === 0 ? 0 : 1;
