// The grammar of names, label keys and label values. Each function returns what is wrong, in the words of Kubernetes;
// an empty list means valid.

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const VALUE = `(${QUALIFIED})?`;

// Checked without the nested repetition of the published forms, so that no input makes matching slow.
const LABEL_TEST = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const QUALIFIED_TEST = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

const LABEL_TEXT =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end " +
  `with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${LABEL}')`;
const SUBDOMAIN_TEXT =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start " +
  `and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${SUBDOMAIN}')`;
const QUALIFIED_RULE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " +
  "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " +
  `'${QUALIFIED}')`;
const VALUE_TEXT =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start " +
  "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for " +
  `validation is '${VALUE}')`;

/** Kubernetes counts bytes everywhere, but says "characters" of names. */
function tooLongText(max: number, unit: 'bytes' | 'characters'): string {
  return `must be no more than ${max} ${unit}`;
}

function byteLength(text: string): number {
  return Buffer.byteLength(text);
}

/** RFC 1123 label: at most 63 of a-z, 0-9 and inner '-'. */
export function dnsLabelProblems(text: string): string[] {
  const problems: string[] = [];
  if (byteLength(text) > 63) problems.push(tooLongText(63, 'characters'));
  if (LABEL_TEST.test(text)) return problems;
  return [...problems, isSubdomain(text) ? 'must not contain dots' : LABEL_TEXT];
}

/** RFC 1123 subdomain: labels (of any length) joined by '.', at most 253 in all. */
export function dnsSubdomainProblems(text: string): string[] {
  return subdomainProblems(text, 'characters');
}

function subdomainProblems(text: string, unit: 'bytes' | 'characters'): string[] {
  const problems: string[] = [];
  if (byteLength(text) > 253) problems.push(tooLongText(253, unit));
  if (!isSubdomain(text)) problems.push(SUBDOMAIN_TEXT);
  return problems;
}

function isSubdomain(text: string): boolean {
  return text.split('.').every((label) => LABEL_TEST.test(label));
}

/** A name that goes into a URL path unescaped: not '.' or '..', no '/' and no '%'. */
export function pathSegmentProblems(text: string): string[] {
  if (text === '.' || text === '..') return [`may not be '${text}'`];
  const contained = ['/', '%']
    .filter((part) => text.includes(part))
    .map((part) => `may not contain '${part}'`);
  return byteLength(text) > 253 ? [...contained, tooLongText(253, 'characters')] : contained;
}

/** A label key, annotation key or finalizer: `[prefix/]name`. */
export function labelKeyProblems(key: string): string[] {
  const parts = key.split('/');
  if (parts.length > 2) {
    return [
      `a valid label key ${QUALIFIED_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const name = parts.at(-1) ?? '';
  const problems = parts.length === 2 ? prefixProblems(parts[0] ?? '') : [];
  if (name === '') problems.push('name part must be non-empty');
  else if (byteLength(name) > 63) problems.push(`name part ${tooLongText(63, 'bytes')}`);
  if (!QUALIFIED_TEST.test(name)) problems.push(`name part ${QUALIFIED_RULE}`);
  return problems;
}

function prefixProblems(prefix: string): string[] {
  if (prefix === '') return ['prefix part must be non-empty'];
  return subdomainProblems(prefix, 'bytes').map((problem) => `prefix part ${problem}`);
}

export function labelValueProblems(value: string): string[] {
  const problems: string[] = [];
  if (byteLength(value) > 63) problems.push(tooLongText(63, 'bytes'));
  if (value !== '' && !QUALIFIED_TEST.test(value)) problems.push(VALUE_TEXT);
  return problems;
}
