// Label and field selectors: the text forms of the query string (`app in (a,b),!gone`), the LabelSelector object of
// the API, and matching. Bounded in length; a malformed one is a 400 that quotes the part at fault.
import type { LabelSelector as LabelSelectorObject } from './generated/meta-v1.ts';
import { labelKeyProblems, labelValueProblems } from './names.ts';
import { badRequest, type StatusError } from './status.ts';

export type LabelOperator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

/** All requirements must hold; none at all selects everything, unless `nothing` is set. */
export interface LabelSelector {
  readonly nothing?: boolean;
  readonly requirements: readonly LabelRequirement[];
}

export const everything: LabelSelector = { requirements: [] };
export const nothing: LabelSelector = { nothing: true, requirements: [] };

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

/** Parses the `labelSelector` parameter. Throws a 400 StatusError. */
export function parseLabelSelector(text: string): LabelSelector {
  if (text.length > MAX_SELECTOR_LENGTH) {
    throw selectorError(text, `may not be more than ${MAX_SELECTOR_LENGTH} characters`);
  }
  const reader = new TokenReader(text, tokenize(text));
  const requirements: LabelRequirement[] = [];
  while (!reader.done()) {
    if (requirements.length > 0) reader.expect(',');
    requirements.push(checked(text, parseRequirement(reader)));
  }
  return { requirements };
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

const INTEGER = /^-?\d{1,19}$/;

function checked(text: string, requirement: LabelRequirement): LabelRequirement {
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

/** A LabelSelector of the API: absent selects nothing, empty selects everything. Throws a 400 when malformed. */
export function selectorFromObject(object: LabelSelectorObject | undefined): LabelSelector {
  if (object === undefined) return nothing;
  const equal = Object.entries(object.matchLabels ?? {}).map(
    ([key, value]): LabelRequirement => ({ key, operator: 'In', values: [value] }),
  );
  const expressions = (object.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    const known = requirementOperator(operator, values.length);
    return checked(key, { key, operator: known, values });
  });
  return { requirements: [...equal, ...expressions] };
}

function requirementOperator(operator: string, values: number): LabelOperator {
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values === 0) throw badRequest(`label selector operator "${operator}": values must be non-empty`);
      return operator;
    case 'Exists':
    case 'DoesNotExist':
      if (values > 0) throw badRequest(`label selector operator "${operator}": values must be empty`);
      return operator;
    default:
      throw badRequest(
        `label selector operator "${operator}" is not valid: In, NotIn, Exists or DoesNotExist is needed`,
      );
  }
}

type Labels = Readonly<Record<string, string | undefined>>;

export function matchesLabels(selector: LabelSelector, labels: Labels | undefined): boolean {
  if (selector.nothing === true) return false;
  return selector.requirements.every((requirement) => matchesRequirement(requirement, labels ?? {}));
}

function matchesRequirement({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt':
      return value !== undefined && INTEGER.test(value) && isBeyond(operator, BigInt(value), values[0]);
  }
}

function isBeyond(operator: 'Gt' | 'Lt', value: bigint, bound: string | undefined): boolean {
  if (bound === undefined) return false;
  return operator === 'Gt' ? value > BigInt(bound) : value < BigInt(bound);
}

export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

export interface FieldSelector {
  readonly requirements: readonly FieldRequirement[];
}

/** Parses the `fieldSelector` parameter: `a=b,c!=d`, with `\` escaping `\`, `,` and `=`. Throws a 400. */
export function parseFieldSelector(text: string): FieldSelector {
  if (text.length > MAX_SELECTOR_LENGTH) throw badRequest('invalid field selector: it is too long');
  const terms = splitUnescaped(text).filter((term) => term !== '');
  return { requirements: terms.map((term) => parseFieldTerm(text, term)) };
}

function splitUnescaped(text: string): string[] {
  return (text.match(/(?:\\.|[^,\\])+|\\$/gsu) ?? []).map((term) => term.trim());
}

function parseFieldTerm(text: string, term: string): FieldRequirement {
  const match = /^((?:\\.|[^=!\\])*)(!=|==|=)(.*)$/su.exec(term);
  if (match === null) {
    throw badRequest(`invalid selector: "${text}"; can't understand "${term}": "field=value" is needed`);
  }
  const [, field = '', operator, value = ''] = match;
  return { field: field.trim(), operator: operator === '!=' ? '!=' : '=', value: unescapeField(text, value) };
}

function unescapeField(text: string, value: string): string {
  if (/(?:^|[^\\])(?:\\\\)*(?:=|\\(?![\\,=]))/u.test(value)) {
    throw badRequest(`invalid field selector: "${text}": invalid escape or "=" in value "${value}"`);
  }
  return value.replace(/\\([\\,=])/gu, '$1');
}

/** Refuses (400) a selector on a field that the kind does not offer. */
export function requireFields(selector: FieldSelector, supported: readonly string[]): void {
  for (const { field } of selector.requirements) {
    if (!supported.includes(field)) {
      const names = supported.map((name) => `"${name}"`).join(', ');
      throw badRequest(`field label not supported: "${field}": only ${names} can be selected`);
    }
  }
}

/** `fields` holds every selectable field; one that is missing is the empty string. */
export function matchesFields(selector: FieldSelector, fields: Readonly<Record<string, string>>): boolean {
  return selector.requirements.every(({ field, operator, value }) => {
    const found = Object.hasOwn(fields, field) ? (fields[field] ?? '') : '';
    return operator === '=' ? found === value : found !== value;
  });
}
