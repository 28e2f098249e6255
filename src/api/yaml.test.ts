import { describe, expect, it } from 'vitest';
import { decodeObject } from './decode.ts';
import { parseBody } from './parse-body.ts';
import { StatusError } from './status.ts';
import { formatYaml, parseYaml, parseYamlDocuments } from './yaml.ts';

// Each as kubectl 1.36 converts it.
const scalars = [
  { text: 'y', is: true },
  { text: 'yes', is: true },
  { text: 'On', is: true },
  { text: 'n', is: false },
  { text: 'Off', is: false },
  { text: 'NULL', is: null },
  { text: '~', is: null },
  { text: '012', is: 10 },
  { text: '-012', is: -10 },
  { text: '0o12', is: 10 },
  { text: '08', is: 8 },
  { text: '0x1F', is: 31 },
  { text: '0x_1f', is: 31 },
  { text: '0b11', is: 3 },
  { text: '+12', is: 12 },
  { text: '-0', is: 0 },
  { text: '1_000', is: 1000 },
  { text: '1e3', is: 1000 },
  { text: '12e03', is: 12000 },
  { text: '.5', is: 0.5 },
  { text: '1.', is: 1 },
  { text: '1_0.5', is: 10.5 },
  { text: '1e400', is: '1e400' },
  { text: '12:30:45', is: '12:30:45' },
  { text: '2001-01-01', is: '2001-01-01' },
  { text: '!!str 12', is: '12' },
  { text: '"yes"', is: 'yes' },
];

describe('YAML', () => {
  it.each(scalars)('API23: $text is $is', ({ text, is }) => {
    expect(parseYaml(`a: ${text}`).value).toEqual({ a: is });
  });

  it('API23: keys are strings, merges are carried out', () => {
    expect(parseYaml('{on: 1, n: 2, 3: 4, 1.5: 5, ~: 6}').value).toEqual({
      true: 1,
      false: 2,
      3: 4,
      1.5: 5,
      null: 6,
    });
    const merged = 'base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  x: 3\n';
    expect(parseYaml(merged).value).toMatchObject({ use: { x: 3, true: 2 } });
  });

  it('API20: a key named __proto__ stays a key', () => {
    const { value } = parseYaml('a: {__proto__: {polluted: 1}, constructor: 2}');
    expect(JSON.stringify(value)).toBe('{"a":{"__proto__":{"polluted":1},"constructor":2}}');
    expect({}).not.toHaveProperty('polluted');
  });

  const refused = [
    { what: 'a bomb of aliases', text: bomb() },
    { what: 'an anchor that contains itself', text: 'a: &a [*a]' },
    { what: 'too many aliases', text: `a: &a 1\nb: [${'*a,'.repeat(101)}]` },
  ];
  it.each(refused)('API24: $what is a 400', ({ text }) => {
    expect(() => parseYaml(text)).toThrow(StatusError);
  });

  function bomb(): string {
    const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
    for (let i = 1; i < 10; i++) lines.push(`a${i}: &a${i} [${`*a${i - 1},`.repeat(10)}]`);
    return lines.join('\n');
  }

  it('API24: a few aliases are fine', () => {
    expect(parseYaml('a: &a {b: c}\nd: *a').value).toEqual({ a: { b: 'c' }, d: { b: 'c' } });
  });

  const malformed = [
    'a: [',
    'a: b: c',
    '\ta: b',
    'a: !!binary xx',
    '? [a]\n: b',
    `${'['.repeat(5000)}`,
    'a: "\\x"',
  ];
  it.each(malformed)('API17: malformed YAML is a 400', (text) => {
    expect(() => parseYaml(text)).toThrow(StatusError);
  });

  it('API16: a key given twice: the last wins, and the line is named', () => {
    const text = 'kind: Pod\nmetadata:\n  name: a\n  name: b\n';
    expect(parseYaml(text)).toEqual({
      value: { kind: 'Pod', metadata: { name: 'b' } },
      duplicate: 'line 4: key already set in map',
    });
    const options = { contentType: 'application/yaml', typeName: 'core/v1.Pod' };
    expect(() => decodeObject(Buffer.from(text), { ...options, validation: 'Strict' })).toThrow(
      'strict decoding error: yaml: unmarshal errors:\n  line 4: key already set in map',
    );
  });

  it('API25: one document for a request, a stream for the command line', () => {
    const stream = '---\na: 1\n---\n# nothing\n---\nb: 2\n...\n';
    expect(parseYamlDocuments(stream).documents).toEqual([{ a: 1 }, { b: 2 }]);
    expect(() => parseBody(Buffer.from(stream), 'application/yaml')).toThrow('holds 2 documents');
    expect(parseBody(Buffer.from('{"a": 1}'), 'application/yaml')).toEqual({ a: 1 });
    expect(parseYamlDocuments('').documents).toEqual([]);
  });

  it('API23: what we print reads back as the same object', () => {
    const object = {
      a: 'yes',
      b: '012',
      c: '1e3',
      d: ['~', ''],
      e: { f: 'x: y', g: 'l1\nl2\n' },
      h: 1.5,
      i: null,
    };
    expect(parseYaml(formatYaml(object)).value).toEqual(object);
  });
});
