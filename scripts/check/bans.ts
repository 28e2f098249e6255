// Calls that would bring time, chance or effects in by the window, and file sizes. Each message names what to use.
import { isReal, isTest, readSources } from './sources.ts';

interface Ban {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Also forbidden in real/ and tests. */
  readonly everywhere?: boolean;
}

const BANS: readonly Ban[] = [
  { pattern: /\bDate\.now\(/, instead: 'Clock.now()' },
  { pattern: /\bnew Date\(\)/, instead: 'Clock.now()' },
  { pattern: /\bperformance\.now\(/, instead: 'Clock.elapsed()' },
  { pattern: /(?<![.\w])set(?:Timeout|Interval|Immediate)\(/, instead: 'Clock.after() or sleep()' },
  { pattern: /\bMath\.random\(/, instead: 'Random.fraction()' },
  { pattern: /\brandomUUID\(/, instead: 'Random.uuid()' },
  { pattern: /\bprocess\.env\b/, instead: 'an option given by main' },
  { pattern: /\bconsole\.\w+\(/, instead: 'Log' },
  { pattern: /:\s*any\b|\bas any\b|<any>/, instead: 'unknown and a check', everywhere: true },
  { pattern: /\bvi\.(?:mock|doMock)\(/, instead: 'a seam: an interface in deps', everywhere: true },
  { pattern: /\bexport default\b/, instead: 'a named export', everywhere: true },
];
// law 5: host/remove-owned-tree is the only recursive removal.
const RECURSIVE = /\brm(?:Sync)?\([^)]*recursive|\brimraf\b|['"]rm['"],\s*\[\s*['"]-r/;
const MAX_LINES = 500;
const MAX_TEST_LINES = 800;
const NAMES = /(?:^|\/)(?:util|utils|helper|helpers|common|misc|manager)(?:\/|\.ts$)/;

const stripComments = (line: string): string => line.replace(/\/\/.*$/, '').replace(/^\s*\*.*$/, '');

/** Every violation, one sentence each. */
export function checkBans(): readonly string[] {
  const problems: string[] = [];
  for (const { path, text } of readSources()) {
    const lines = text.split('\n');
    const limit = isTest(path) ? MAX_TEST_LINES : MAX_LINES;
    if (lines.length > limit)
      problems.push(`${path}: ${lines.length} lines, at most ${limit}: split it by idea`);
    if (NAMES.test(path)) problems.push(`${path}: name it after what it owns`);
    lines.forEach((line, index) => {
      const code = stripComments(line);
      for (const ban of BANS) {
        if (ban.everywhere !== true && (isReal(path) || isTest(path))) continue;
        if (ban.pattern.test(code)) problems.push(`${path}:${index + 1}: use ${ban.instead}`);
      }
      if (!isTest(path) && RECURSIVE.test(code)) {
        problems.push(`${path}:${index + 1}: remove trees only through host/remove-owned-tree`);
      }
    });
  }
  return problems;
}
