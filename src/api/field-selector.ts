// Field selectors: `spec.nodeName=a,metadata.name!=b`, on the few fields that a kind offers. A malformed one, or one on
// another field, is a 400.
import { badRequest } from './status.ts';

// As for label selectors: bounds what in-process callers send.
const MAX_SELECTOR_LENGTH = 64 * 1024;

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
