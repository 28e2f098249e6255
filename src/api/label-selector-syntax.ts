// The text form of label selectors (`app in (a,b),!gone,tier!=x`), and what makes a requirement well formed. Bounded in
// length; a malformed selector is a 400 that says what was found and what was expected.
import { labelKeyProblems, labelValueProblems } from './names.ts';
import { badRequest, type StatusError } from './status.ts';

export type LabelOperator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

// The request line bounds it too; this bounds it for in-process callers.
const MAX_SELECTOR_LENGTH = 64 * 1024;

const TOKEN = /\s*(?:(==|=|!=|!|>|<|,|\(|\))|([^\s=!<>,()]+))/y;

interface Token {
  readonly symbol?: string;
  readonly word?: string;
}

function selectorError(text: string, why: string): StatusError {
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return badRequest(`unable to parse requirement: selector "${shown}": ${why}`);
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw selectorError(text, `unexpected character at position ${at}`);
    tokens.push(match[1] === undefined ? { word: match[2] ?? '' } : { symbol: match[1] });
  }
  return tokens;
}

/** Every requirement of the text. Throws a 400 StatusError. */
export function parseRequirements(text: string): readonly LabelRequirement[] {
  if (text.length > MAX_SELECTOR_LENGTH) {
    throw selectorError(text, `may not be more than ${MAX_SELECTOR_LENGTH} characters`);
  }
  const reader = new TokenReader(text, tokenize(text));
  const requirements: LabelRequirement[] = [];
  while (!reader.done()) {
    if (requirements.length > 0) reader.expect(',');
    requirements.push(checked(text, parseRequirement(reader)));
  }
  return requirements;
}

class TokenReader {
  readonly text: string;
  readonly tokens: readonly Token[];
  #at = 0;

  constructor(text: string, tokens: readonly Token[]) {
    this.text = text;
    this.tokens = tokens;
  }

  done(): boolean {
    return this.#at >= this.tokens.length;
  }

  peek(): Token | undefined {
    return this.tokens[this.#at];
  }

  take(): Token | undefined {
    return this.tokens[this.#at++];
  }

  accept(symbol: string): boolean {
    if (this.peek()?.symbol !== symbol) return false;
    this.#at++;
    return true;
  }

  expect(symbol: string): void {
    if (!this.accept(symbol)) throw this.unexpected(`"${symbol}"`);
  }

  word(what: string): string {
    const token = this.take();
    if (token?.word === undefined) {
      this.#at--;
      throw this.unexpected(what);
    }
    return token.word;
  }

  unexpected(wanted: string): StatusError {
    const token = this.peek();
    const found = token === undefined ? 'the end' : `"${token.symbol ?? token.word}"`;
    return selectorError(this.text, `found ${found}, expected ${wanted}`);
  }
}

function parseRequirement(reader: TokenReader): LabelRequirement {
  if (reader.accept('!')) return { key: reader.word('a label key'), operator: 'DoesNotExist', values: [] };
  const key = reader.word('a label key');
  const next = reader.peek();
  if (next === undefined || next.symbol === ',') return { key, operator: 'Exists', values: [] };
  reader.take();
  switch (next.symbol ?? next.word) {
    case '=':
    case '==':
      return { key, operator: 'In', values: [optionalWord(reader)] };
    case '!=':
      return { key, operator: 'NotIn', values: [optionalWord(reader)] };
    case 'in':
      return { key, operator: 'In', values: parseValues(reader) };
    case 'notin':
      return { key, operator: 'NotIn', values: parseValues(reader) };
    case '>':
      return { key, operator: 'Gt', values: [reader.word('an integer')] };
    case '<':
      return { key, operator: 'Lt', values: [reader.word('an integer')] };
    default:
      throw selectorError(
        reader.text,
        `found "${next.symbol ?? next.word}", expected one of "=", "==", "!=", "in", "notin", ">", "<"`,
      );
  }
}

/** `a=` selects the empty value. */
function optionalWord(reader: TokenReader): string {
  const next = reader.peek();
  return next?.word === undefined ? '' : reader.word('a value');
}

function parseValues(reader: TokenReader): string[] {
  reader.expect('(');
  const values = [optionalWord(reader)];
  while (reader.accept(',')) values.push(optionalWord(reader));
  reader.expect(')');
  return [...new Set(values)].sort();
}

export const INTEGER = /^[+-]?\d{1,19}$/;

/** The requirement itself when its key and values are well formed; `text` is what a refusal quotes. */
export function checked(text: string, requirement: LabelRequirement): LabelRequirement {
  const { key, operator, values } = requirement;
  const problems = [
    ...labelKeyProblems(key).map((problem) => `key "${key}": ${problem}`),
    ...values.flatMap((value) => labelValueProblems(value).map((problem) => `value "${value}": ${problem}`)),
  ];
  if ((operator === 'Gt' || operator === 'Lt') && !values.every((value) => INTEGER.test(value))) {
    problems.push(`value ${JSON.stringify(values[0])}: for ">" and "<" the value must be an integer`);
  }
  if (problems.length > 0) throw selectorError(text, problems.join('; '));
  return requirement;
}
