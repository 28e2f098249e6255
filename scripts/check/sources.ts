// The source files that the checks read, parsed once each.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';

export interface Source {
  /** From the repository's root: `src/store/memory.ts`. */
  readonly path: string;
  readonly text: string;
  /** Import specifiers, type imports included. */
  readonly imports: readonly string[];
  readonly program: unknown;
}

/** True for files that only tests run. */
export const isTest = (path: string): boolean =>
  /\.(?:test|fixture|contract)\.ts$|^src\/testing\//.test(path);
/** True where effects may be made: `real` folders and main. */
export const isReal = (path: string): boolean => /\/real\//.test(path) || path.startsWith('src/main/');

function walk(folder: string, out: string[]): string[] {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) walk(path, out);
    else out.push(path);
  }
  return out;
}

/** Every file below `folder`. */
export function filesBelow(folder: string): readonly string[] {
  return walk(folder, []).sort();
}

/** Every TypeScript source below src, generated ones left out. Throws when there is none: a check must see files. */
export function readSources(): readonly Source[] {
  const paths = filesBelow('src').filter((p) => p.endsWith('.ts') && !p.includes('/generated/'));
  if (paths.length === 0) throw new Error('no sources below src: run the check from the repository root');
  return paths.map((path) => {
    const text = readFileSync(path, 'utf8');
    const parsed = parseSync(path, text);
    const imports = [
      ...parsed.module.staticImports.map((i) => i.moduleRequest.value),
      ...parsed.module.staticExports.flatMap((e) => e.entries.flatMap((x) => x.moduleRequest?.value ?? [])),
      ...[...text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)].map((m) => m[1] ?? ''),
    ];
    return { path, text, imports: [...new Set(imports)], program: parsed.program };
  });
}
