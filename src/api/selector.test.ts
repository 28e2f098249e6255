import { describe, expect, it } from 'vitest';
import {
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  requireFields,
  selectorFromObject,
} from './selector.ts';
import { StatusError } from './status.ts';

const labels = { app: 'web', tier: 'front', size: '10', empty: '', 'example.com/x': 'y', in: 'z' };

const rows = [
  { rule: 'API5', text: '', matches: true },
  { rule: 'API5', text: 'app=web', matches: true },
  { rule: 'API5', text: 'app==web,tier=front', matches: true },
  { rule: 'API5', text: 'app=web,tier=back', matches: false },
  { rule: 'API5', text: 'app in (web, api)', matches: true },
  { rule: 'API5', text: ' app  in(api) ', matches: false },
  { rule: 'API5', text: 'app notin (api),tier', matches: true },
  { rule: 'API5', text: 'empty=', matches: true },
  { rule: 'API5', text: 'empty in (,x)', matches: true },
  { rule: 'API5', text: 'example.com/x=y', matches: true },
  { rule: 'API5', text: 'in=z,in in (z)', matches: true },
  { rule: 'API5', text: 'size>9,size<11', matches: true },
  { rule: 'API5', text: 'app>1', matches: false },
  { rule: 'API7', text: 'missing!=x', matches: true },
  { rule: 'API7', text: 'missing notin (x)', matches: true },
  { rule: 'API7', text: '!missing', matches: true },
  { rule: 'API7', text: '!app', matches: false },
  { rule: 'API7', text: 'missing=x', matches: false },
  { rule: 'API7', text: 'constructor', matches: false },
];

describe('label selectors', () => {
  it.each(rows)('$rule: "$text" matches: $matches', ({ text, matches }) => {
    expect(matchesLabels(parseLabelSelector(text), labels)).toBe(matches);
  });

  const malformed = [
    'a=b,,c',
    'a in b',
    'a in (b',
    '=b',
    'a=b c=d',
    '!',
    'a>b',
    'a=b,',
    ',',
    'a/b/c=d',
    'a=-b',
    '?',
  ];
  it.each(malformed)('API6: "%s" is a 400', (text) => {
    expect(() => parseLabelSelector(text)).toThrow(StatusError);
    expect(() => parseLabelSelector(text)).toThrow(/^unable to parse requirement: selector ".*": /);
  });

  it('API6: a selector of a megabyte is a 400', () => {
    expect(() => parseLabelSelector('a,'.repeat(500_000))).toThrow(/may not be more than/);
  });

  it('API7: an absent LabelSelector selects nothing, an empty one everything', () => {
    expect(matchesLabels(selectorFromObject(undefined), labels)).toBe(false);
    expect(matchesLabels(selectorFromObject({}), labels)).toBe(true);
    const both = selectorFromObject({
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'NotIn', values: ['back'] },
        { key: 'missing', operator: 'DoesNotExist' },
      ],
    });
    expect(matchesLabels(both, labels)).toBe(true);
    expect(matchesLabels(both, { app: 'web', missing: '' })).toBe(false);
    expect(matchesLabels(both, undefined)).toBe(false);
  });

  it('API6: a LabelSelector with an unknown operator or wrong values is a 400', () => {
    const selector = (operator: string, values?: string[]) => () =>
      selectorFromObject({ matchExpressions: [{ key: 'a', operator, values }] });
    expect(selector('Near', ['b'])).toThrow(/"Near" is not valid/);
    expect(selector('In')).toThrow(/must be non-empty/);
    expect(selector('Exists', ['b'])).toThrow(/must be empty/);
  });
});

describe('field selectors', () => {
  const fields = { 'metadata.name': 'a', 'spec.nodeName': '', odd: 'x=y,z\\' };
  const selected = [
    { text: '', matches: true },
    { text: 'metadata.name=a', matches: true },
    { text: 'metadata.name==a,spec.nodeName=', matches: true },
    { text: 'metadata.name!=a', matches: false },
    { text: 'spec.nodeName!=', matches: false },
    { text: 'odd=x\\=y\\,z\\\\', matches: true },
  ];
  it.each(selected)('API8: "$text" matches: $matches', ({ text, matches }) => {
    expect(matchesFields(parseFieldSelector(text), fields)).toBe(matches);
  });

  it.each(['metadata.name', 'a=b=c', 'a=\\x', 'a~b'])('API8: "%s" is a 400', (text) => {
    expect(() => parseFieldSelector(text)).toThrow(StatusError);
  });

  it('API8: a field that is not offered is a 400', () => {
    const selector = parseFieldSelector('spec.x=1');
    expect(() => requireFields(selector, ['metadata.name'])).toThrow(
      'field label not supported: "spec.x": only "metadata.name" can be selected',
    );
    expect(() => requireFields(selector, ['spec.x'])).not.toThrow();
  });
});
