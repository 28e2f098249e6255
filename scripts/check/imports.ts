// Enforces architecture.json in both directions: an import that is not allowed, and a permission that a folder which
// exists does not use. Also: pure modules (view.ts, decide.ts) stay pure, and modules with effects stay in real/.
import { readFileSync } from 'node:fs';
import { isReal, isTest, readSources } from './sources.ts';

interface Architecture {
  readonly folders: Readonly<Record<string, readonly string[]>>;
}

const EFFECTS = new Set([
  'node:fs',
  'node:fs/promises',
  'node:net',
  'node:http',
  'node:https',
  'node:http2',
  'node:tls',
  'node:child_process',
  'node:crypto',
  'node:worker_threads',
  'node:os',
  'koffi',
  'lmdb',
  'ws',
  '@grpc/grpc-js',
  '@peculiar/x509',
]);
// A hash is a function, not an effect.
const PURE_USES = new Set(['src/base/sha256.ts']);
const PURE_FOLDERS = new Set(['api', 'rules', 'base']);

/** `src/controllers/binding/decide.ts` belongs to the folder `controllers/binding`. */
export function folderOf(path: string, table: Architecture['folders']): string {
  const parts = path.replace(/^src\//, '').split('/');
  const top = parts[0] ?? '';
  return `${top}/*` in table && parts.length > 2 ? `${top}/${parts[1] ?? ''}` : top;
}

const ruleOf = (folder: string, table: Architecture['folders']): readonly string[] =>
  table[folder] ?? table[`${folder.split('/')[0] ?? ''}/*`] ?? [];

function allows(rule: readonly string[], target: string): boolean {
  const top = target.split('/')[0] ?? '';
  if (rule.includes(`!${top}`)) return false;
  return rule.includes('*') || rule.includes(top) || rule.includes(target);
}

// What the page writes in words instead of a list.
const IN_WORDS: Readonly<Record<string, string>> = {
  compose: 'all but cli, main, testing',
  main: 'all',
  testing: 'all; only tests import it',
};

/** ARCHITECTURE.md shows the same table as architecture.json. */
function checkPage(table: Architecture['folders']): readonly string[] {
  const page = readFileSync('ARCHITECTURE.md', 'utf8');
  return Object.entries(table).flatMap(([folder, rule]) => {
    const shown = new RegExp(`^\\| \`${folder.replace('*', '\\*')}\` \\|[^|]*\\| ([^|]*) \\|$`, 'm').exec(
      page,
    )?.[1];
    const wanted = IN_WORDS[folder] ?? (rule.length === 0 ? 'nothing' : rule.join(', '));
    return shown === wanted
      ? []
      : [`ARCHITECTURE.md: the row of "${folder}" says "${shown ?? ''}", architecture.json "${wanted}"`];
  });
}

/** Every violation, one sentence each. */
export function checkImports(): readonly string[] {
  const table = (JSON.parse(readFileSync('architecture.json', 'utf8')) as Architecture).folders;
  const problems: string[] = [...checkPage(table)];
  const used = new Map<string, Set<string>>();
  const groups = new Set<string>();
  for (const source of readSources()) {
    const folder = folderOf(source.path, table);
    const group = table[folder] === undefined ? `${folder.split('/')[0] ?? ''}/*` : folder;
    if (table[group] === undefined)
      problems.push(`${source.path}: folder "${folder}" is not in architecture.json`);
    groups.add(group);
    const pure = /\/(view|decide)\.ts$/.test(source.path);
    for (const specifier of source.imports) {
      if (specifier.startsWith('.')) {
        if (specifier.includes('../../') && folder.includes('/') === false && isTest(source.path) === false) {
          problems.push(`${source.path}: imports "${specifier}": write "#folder/…" across folders`);
        }
        continue;
      }
      if (!specifier.startsWith('#')) {
        if (
          EFFECTS.has(specifier) &&
          !isReal(source.path) &&
          !isTest(source.path) &&
          !PURE_USES.has(source.path)
        ) {
          problems.push(
            `${source.path}: imports "${specifier}", which has effects: move it into a real/ folder`,
          );
        }
        continue;
      }
      const target = folderOf(`src/${specifier.slice(1)}`, table);
      if (target === folder) continue;
      if (isTest(source.path)) continue;
      const seen = used.get(group) ?? new Set<string>();
      seen.add(target.split('/')[0] ?? '');
      used.set(group, seen);
      if (!allows(ruleOf(folder, table), target)) {
        problems.push(
          `${source.path}: imports "${specifier}", but architecture.json does not let "${folder}" import "${target}"`,
        );
      }
      if (pure && !PURE_FOLDERS.has(target)) {
        problems.push(
          `${source.path}: imports "${specifier}": a view or decide module imports only api, rules and base`,
        );
      }
    }
  }
  for (const group of groups) {
    for (const permitted of table[group] ?? []) {
      if (permitted === '*' || permitted.startsWith('!')) continue;
      if (!(used.get(group)?.has(permitted) ?? false)) {
        problems.push(
          `architecture.json: "${group}" may import "${permitted}" but never does: remove the permission`,
        );
      }
    }
  }
  return problems;
}
