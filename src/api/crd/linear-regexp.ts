// Regular expressions whose matching time is linear in the text (RE2), for patterns that come from users: Node's own
// RegExp can be made to hang the server with a few characters.
import { RE2JS } from 're2js';

const compiled = new Map<string, RE2JS | undefined>();
/** Patterns come from schemas, so they are few; a bound all the same. */
const MAX_COMPILED = 1000;

/** Whether `pattern` is found anywhere in `text`; undefined when it is no RE2 expression. */
export function findsPattern(pattern: string, text: string): boolean | undefined {
  return compile(pattern)?.matcher(text).find();
}

/** The match and its groups at the first place, or undefined. */
export function firstMatch(pattern: string, text: string): string | undefined {
  const matcher = compile(pattern)?.matcher(text);
  return matcher?.find() === true ? (matcher.group() ?? '') : undefined;
}

/** At most `limit` matches, all of them when it is negative. */
export function allMatches(pattern: string, text: string, limit: number): readonly string[] {
  const matcher = compile(pattern)?.matcher(text);
  const found: string[] = [];
  while (matcher !== undefined && (limit < 0 || found.length < limit) && matcher.find()) {
    found.push(matcher.group() ?? '');
  }
  return found;
}

/** True when `pattern` is an RE2 expression. */
export function isPattern(pattern: string): boolean {
  return compile(pattern) !== undefined;
}

function compile(pattern: string): RE2JS | undefined {
  if (compiled.has(pattern)) return compiled.get(pattern);
  if (compiled.size >= MAX_COMPILED) compiled.clear();
  let made: RE2JS | undefined;
  try {
    made = RE2JS.compile(pattern);
  } catch {
    // Not in RE2's language: the caller says so where the pattern stands.
  }
  compiled.set(pattern, made);
  return made;
}
