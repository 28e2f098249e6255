// Rule coverage: every numbered rule of a SPEC.md is cited by a test, and no test cites a rule that does not exist. The
// rules of loops and of the law they share are cited by the code that carries them out too.
import { readFileSync } from 'node:fs';
import { filesBelow } from './sources.ts';

const IN_CODE = /^src\/(controllers|sidecars|scheduler|rules|compose)\//;
const RULE_LINE = /^- \*\*([A-Z]{2,4}\d+)\*\*/gm;

/** Every violation, one sentence each. */
export function checkRules(): readonly string[] {
  const rules = new Map<string, string>();
  const problems: string[] = [];
  const files = filesBelow('src');
  for (const path of files.filter((p) => p.endsWith('SPEC.md'))) {
    for (const match of readFileSync(path, 'utf8').matchAll(RULE_LINE)) {
      const id = match[1] ?? '';
      const first = rules.get(id);
      if (first !== undefined) problems.push(`${path}: rule ${id} is already in ${first}`);
      rules.set(id, path);
    }
  }
  if (rules.size === 0)
    problems.push('no SPEC.md with rules below src: run the check from the repository root');
  const prefixes = [...new Set([...rules.keys()].map((id) => id.replace(/\d+$/, '')))];
  const citation = new RegExp(`\\b(?:${prefixes.join('|')})\\d+\\b`, 'g');
  const cited = new Set<string>();
  for (const path of files.filter((p) => /\.test\.ts$|^src\/testing\/.*\.ts$/.test(p))) {
    for (const match of readFileSync(path, 'utf8').matchAll(citation)) {
      cited.add(match[0]);
      if (!rules.has(match[0])) problems.push(`${path}: cites ${match[0]}, which no SPEC.md has`);
    }
  }
  const inCode = new Set<string>();
  const isCode = (path: string): boolean => /^src\/(?!testing\/).*(?<!\.test|\.fixture)\.ts$/.test(path);
  for (const path of files.filter(isCode)) {
    for (const [id] of readFileSync(path, 'utf8').matchAll(citation)) inCode.add(id);
  }
  for (const [id, path] of rules) {
    if (!cited.has(id)) problems.push(`${path}: rule ${id} has no test that cites it`);
    if (IN_CODE.test(path) && !inCode.has(id)) {
      problems.push(`${path}: rule ${id} is cited by no code: name it where it is carried out`);
    }
  }
  return [...new Set(problems)];
}
