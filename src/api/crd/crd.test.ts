// Custom kinds: made from small definitions for each rule, and the built-in snapshot kinds.
import { describe, expect, test } from 'vitest';
import { decodeValue } from '../decode.ts';
import { fieldErrorText } from '../field-errors.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { KindDefinition } from '../kind.ts';
import { kindOf } from '../kinds/index.ts';
import { StatusError } from '../status.ts';
import { customKind } from './custom-kind.ts';
import { readDefinition } from './definition.ts';
import { findByPath, parseJsonPath } from './json-path.ts';

function widget(spec: JsonObject, version: JsonObject = {}): KindDefinition {
  const definition = readDefinition({
    group: 'example.com',
    scope: 'Namespaced',
    names: { kind: 'Widget', plural: 'widgets' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
        ...version,
      },
    ],
  });
  const [first] = definition.versions;
  if (first === undefined) throw new Error('the definition has one version');
  return customKind(definition, first);
}

const textsOf = (kind: KindDefinition, spec: JsonValue): readonly string[] =>
  kind.validateCreate(kind.defaults({ spec })).map(fieldErrorText);
const updateTexts = (kind: KindDefinition, spec: JsonValue, old: JsonValue): readonly string[] =>
  kind.validateUpdate({ spec }, { spec: old }).map(fieldErrorText);
const decode = (kind: KindDefinition, value: JsonObject, validation: 'Strict' | 'Warn' = 'Warn') =>
  decodeValue(value, { typeName: kind.typeName, validation, custom: kind.custom });
const object = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'object',
  properties,
  ...more,
});
const TEXT = { type: 'string' };
const NUMBER = { type: 'integer' };
const rule = (text: string, more: JsonObject = {}): JsonObject => ({
  'x-kubernetes-validations': [{ rule: text, ...more }],
});

describe('schema', () => {
  test('CRD1: unknown members are dropped and named', () => {
    const kind = widget(
      object({ a: TEXT, free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }),
    );
    const value = { metadata: { name: 'w', color: 'x' }, spec: { a: '', b: 1, free: { c: [1] } }, more: 1 };
    const { object: decoded, warnings } = decode(kind, value);
    expect(decoded).toEqual({ metadata: { name: 'w' }, spec: { a: '', free: { c: [1] } } });
    expect(warnings).toEqual([
      'unknown field "spec.b"',
      'unknown field "more"',
      'unknown field "metadata.color"',
    ]);
    expect(() => decode(kind, value, 'Strict')).toThrow(StatusError);
  });

  test('CRD2: defaults are filled in, nulls give way to them', () => {
    const kind = widget(
      object({
        a: { ...TEXT, default: 'x' },
        list: { type: 'array', items: object({ n: { ...NUMBER, default: 3 } }) },
      }),
    );
    expect(kind.defaults({ spec: { a: null, list: [{}, { n: 0 }] } })).toEqual({
      spec: { a: 'x', list: [{ n: 3 }, { n: 0 }] },
    });
    const given = { spec: { a: '', list: [] } };
    expect(kind.defaults(given)).toBe(given);
  });

  test.each([
    [
      object({ a: TEXT }),
      { a: 1 },
      'spec.a: Invalid value: "integer": spec.a in body must be of type string: "integer"',
    ],
    [
      object({ a: TEXT }),
      { a: null },
      'spec.a: Invalid value: "null": spec.a in body must be of type string: "null"',
    ],
    [object({ a: TEXT }, { required: ['a'] }), {}, 'spec.a: Required value'],
    [
      object({ a: { ...TEXT, enum: ['x', 'y'] } }),
      { a: 'z' },
      'spec.a: Unsupported value: "z": supported values: "x", "y"',
    ],
    [
      object({ a: { ...NUMBER, minimum: 2 } }),
      { a: 1 },
      'spec.a: Invalid value: 1: spec.a in body should be greater than or equal to 2',
    ],
    [
      object({ a: { ...NUMBER, maximum: 2, exclusiveMaximum: true } }),
      { a: 2 },
      'spec.a: Invalid value: 2: spec.a in body should be less than 2',
    ],
    [
      object({ a: { ...NUMBER, multipleOf: 2 } }),
      { a: 3 },
      'spec.a: Invalid value: 3: spec.a in body should be a multiple of 2',
    ],
    [
      object({ a: { ...NUMBER, format: 'int32' } }),
      { a: 2 ** 31 },
      'spec.a: Invalid value: 2147483648: spec.a in body must be of type int32: 2147483648',
    ],
    [object({ a: { ...TEXT, maxLength: 1 } }), { a: 'xx' }, 'spec.a: Too long: may not be more than 1 bytes'],
    [
      object({ a: { ...TEXT, minLength: 2 } }),
      { a: 'x' },
      'spec.a: Invalid value: "x": spec.a in body should be at least 2 chars long',
    ],
    [
      object({ a: { ...TEXT, pattern: '^a$' } }),
      { a: 'b' },
      'spec.a: Invalid value: "b": spec.a in body should match \'^a$\'',
    ],
    [
      object({ a: { ...TEXT, format: 'date-time' } }),
      { a: 'now' },
      'spec.a: Invalid value: "now": spec.a in body must be of type date-time: "now"',
    ],
    [
      object({ a: { type: 'array', items: TEXT, maxItems: 1 } }),
      { a: ['x', 'y'] },
      'spec.a: Too many: 2: must have at most 1 item',
    ],
    [
      object({ a: { type: 'array', items: TEXT, minItems: 1 } }),
      { a: [] },
      'spec.a: Invalid value: 0: spec.a in body should have at least 1 items',
    ],
    [
      object({ a: { type: 'object', additionalProperties: NUMBER } }),
      { a: { x: 'y' } },
      'spec.a.x: Invalid value: "string": spec.a.x in body must be of type integer: "string"',
    ],
    [
      object({ a: { 'x-kubernetes-int-or-string': true } }),
      { a: true },
      'spec.a: Invalid value: "boolean": spec.a in body must be of type integer,string: "boolean"',
    ],
  ])('CRD3: %j refuses %j', (schema, spec, text) => {
    expect(textsOf(widget(schema), spec)).toContain(text);
  });

  test.each([
    ['oneOf', { oneOf: [{ required: ['a'] }, { required: ['b'] }] }, [{ a: 'x' }], [{}, { a: 'x', b: 'y' }]],
    ['anyOf', { anyOf: [{ required: ['a'] }, { required: ['b'] }] }, [{ a: 'x' }, { a: 'x', b: 'y' }], [{}]],
    ['allOf', { allOf: [{ required: ['a'] }, { required: ['b'] }] }, [{ a: 'x', b: 'y' }], [{ a: 'x' }]],
    ['not', { not: { required: ['a'] } }, [{}], [{ a: 'x' }]],
  ])('CRD4: %s', (_, schema, good, bad) => {
    const kind = widget(object({ a: TEXT, b: TEXT }, schema));
    for (const spec of good) expect(textsOf(kind, spec)).toEqual([]);
    for (const spec of bad) expect(textsOf(kind, spec)).not.toEqual([]);
  });

  test('CRD4: sets and maps hold each value and key once', () => {
    const list = (type: string, items: JsonObject): JsonObject => ({
      type: 'array',
      items,
      'x-kubernetes-list-type': type,
    });
    expect(textsOf(widget(object({ a: list('set', TEXT) })), { a: ['x', 'x'] })).toEqual([
      'spec.a[1]: Duplicate value: "x"',
    ]);
    const map = { ...list('map', object({ k: TEXT, v: TEXT })), 'x-kubernetes-list-map-keys': ['k'] };
    const spec = {
      a: [
        { k: 'x', v: '1' },
        { k: 'x', v: '2' },
      ],
    };
    expect(textsOf(widget(object({ a: map })), spec)).toEqual(['spec.a[1]: Duplicate value: {"k":"x"}']);
  });

  test('CRD5: a pattern that makes a backtracking matcher hang is answered at once', () => {
    const kind = widget(object({ a: { ...TEXT, pattern: '^(a+)+$' } }));
    expect(textsOf(kind, { a: `${'a'.repeat(5_000)}!` })).toHaveLength(1);
  });

  test('CRD6: an old fault is not held against a new write', () => {
    const kind = widget(object({ a: { ...TEXT, enum: ['x'] }, b: TEXT }));
    expect(updateTexts(kind, { a: 'old', b: 'new' }, { a: 'old', b: 'old' })).toEqual([]);
    expect(updateTexts(kind, { a: 'new', b: 'new' }, { a: 'old', b: 'old' })).toHaveLength(1);
  });
});

describe('rules', () => {
  test('CRD7: what is not true is a cause with its message', () => {
    const schema = (more: JsonObject): JsonObject => object({ n: NUMBER }, rule('self.n > 1', more));
    expect(textsOf(widget(schema({})), { n: 2 })).toEqual([]);
    expect(textsOf(widget(schema({})), { n: 1 })).toEqual([
      'spec: Invalid value: "object": failed rule: self.n > 1',
    ]);
    expect(textsOf(widget(schema({ message: 'too few' })), { n: 1 })).toEqual([
      'spec: Invalid value: "object": too few',
    ]);
    const computed = {
      messageExpression: '"have " + string(self.n)',
      reason: 'FieldValueForbidden',
      fieldPath: '.n',
    };
    expect(textsOf(widget(schema(computed)), { n: 1 })).toEqual(['spec.n: Forbidden: have 1']);
    expect(textsOf(widget(schema({})), {})).toEqual([
      expect.stringContaining('rule evaluation error: No such key: n'),
    ]);
  });

  test('CRD8: transition rules need an old value', () => {
    const kind = widget(object({ a: { ...TEXT, ...rule('self == oldSelf') } }));
    expect(textsOf(kind, { a: 'x' })).toEqual([]);
    expect(updateTexts(kind, { a: 'x' }, {})).toEqual([]);
    expect(updateTexts(kind, { a: 'y' }, { a: 'x' })).toEqual([
      'spec.a: Invalid value: "string": failed rule: self == oldSelf',
    ]);
    const optional = widget(
      object({ a: { ...TEXT, ...rule('oldSelf.hasValue() || self == "first"', { optionalOldSelf: true }) } }),
    );
    expect(textsOf(optional, { a: 'x' })).toHaveLength(1);
    expect(updateTexts(optional, { a: 'y' }, { a: 'x' })).toEqual([]);
  });

  test('CRD9: items are found by their keys, or have no old value', () => {
    const items = object({ k: TEXT, v: { ...TEXT, ...rule('self == oldSelf') } });
    const map = {
      type: 'array',
      items,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
    };
    const before = {
      list: [
        { k: 'a', v: '1' },
        { k: 'b', v: '2' },
      ],
    };
    const after = {
      list: [
        { k: 'b', v: '2' },
        { k: 'a', v: '3' },
      ],
    };
    expect(updateTexts(widget(object({ list: map })), after, before)).toEqual([
      expect.stringContaining('spec.list[1].v'),
    ]);
    expect(updateTexts(widget(object({ list: { type: 'array', items } })), after, before)).toEqual([]);
  });

  test('CRD10: no rule reads a value of a wrong type', () => {
    const kind = widget(object({ n: NUMBER }, rule('self.n > 1')));
    expect(textsOf(kind, { n: 'x' })).toEqual([
      expect.stringContaining('must be of type integer'),
      expect.stringContaining('some validation rules were not checked'),
    ]);
  });

  test.each([
    'self.l.all(a, self.l.all(b, self.l.all(c, a + b + c != "x")))',
    '[self.l].map(a, [a + a].map(b, [b + b].map(c, [c + c].map(d, [d + d].map(e, size(e)))))).size() > 0 && self.l.all(x, self.l.all(y, self.l.exists(z, z == x)))',
  ])('CRD11: too costly: %s', (text) => {
    const kind = widget(object({ l: { type: 'array', items: TEXT } }, rule(text)));
    const list = Array.from({ length: 1_000 }, (_, index) => `item-${index}`);
    expect(textsOf(kind, { l: list })).toEqual([expect.stringContaining('call cost exceeds limit')]);
    expect(textsOf(kind, { l: ['a'] })).toEqual([]);
  });

  test.each([
    [
      'integers are exact',
      object({ a: NUMBER }, rule('self.a == 9007199254740991')),
      { a: 9007199254740991 },
    ],
    [
      'times',
      object({ a: { ...TEXT, format: 'date-time' } }, rule('self.a < timestamp("2026-01-02T00:00:00Z")')),
      { a: '2026-01-01T00:00:00Z' },
    ],
    ['reserved words', object({ namespace: TEXT }, rule('self.__namespace__ == "x"')), { namespace: 'x' }],
    [
      'other signs',
      object({ 'a-b.c/d__e': TEXT }, rule('has(self.a__dash__b__dot__c__slash__d__underscores__e)')),
      { 'a-b.c/d__e': '' },
    ],
    [
      'keys of maps as they are',
      { type: 'object', additionalProperties: TEXT, ...rule('self["a-b"] == "x"') },
      { 'a-b': 'x' },
    ],
    [
      'no members of prototypes',
      object({ a: TEXT }, rule('!has(self.constructor) && !has(self.toString)')),
      { a: '' },
    ],
  ])('CRD12: %s', (_, schema, spec) => {
    expect(textsOf(widget(schema), spec)).toEqual([]);
  });

  test('CRD12: a rule at the root sees the name', () => {
    const kind = widget(object({}), {
      schema: { openAPIV3Schema: object({}, rule('self.metadata.name == "x" && self.kind == "Widget"')) },
    });
    expect(kind.validateCreate({ kind: 'Widget', metadata: { name: 'x', labels: {} } })).toEqual([]);
    expect(kind.validateCreate({ kind: 'Widget', metadata: { name: 'y' } })).toHaveLength(1);
  });

  test.each([
    'self.t.matches("^a+b$")',
    'self.t.find("a+") == "aa" && self.t.findAll("a") == ["a", "a"] && self.t.findAll("a", 1).size() == 1',
    'self.t.charAt(2) == "b" && self.t.replace("a", "c") == "ccb" && self.t.reverse() == "baa"',
    'self.l.sum() == 6 && self.l.min() == 1 && self.l.max() == 3 && self.l.isSorted()',
    'self.l.indexOf(2) == 1 && self.l.lastIndexOf(9) == -1',
    'isQuantity("1Gi") && quantity("1Gi").isLessThan(quantity("2Gi")) && quantity("1Gi").compareTo(quantity("1024Mi")) == 0',
    'quantity("-1").sign() == -1 && quantity("2").isGreaterThan(quantity("1"))',
  ])('CRD13: %s', (text) => {
    const kind = widget(object({ t: TEXT, l: { type: 'array', items: NUMBER } }, rule(text)));
    expect(textsOf(kind, { t: 'aab', l: [1, 2, 3] })).toEqual([]);
  });

  test.each(['self.t.explode()', 'cel.bind(x, self, x == x)', 'self.('])(
    'CRD13: %s does not compile',
    (text) => {
      expect(textsOf(widget(object({ t: TEXT }, rule(text))), { t: '' })).toEqual([
        expect.stringContaining('compile error'),
      ]);
    },
  );
});

describe('kinds', () => {
  const schema = { openAPIV3Schema: object({ spec: object({ a: TEXT }), status: object({ b: TEXT }) }) };
  const kind = widget({}, { schema, subresources: { status: {} } });

  test('CRD14: status has its own door', () => {
    expect(kind.prepareForCreate({ spec: { a: 'x' }, status: { b: 'y' } })).not.toHaveProperty('status');
    const old = { metadata: { name: 'w', labels: { l: 'old' } }, spec: { a: 'old' }, status: { b: 'old' } };
    const written = {
      metadata: { name: 'w', labels: { l: 'new' } },
      spec: { a: 'new' },
      status: { b: 'new' },
    };
    expect(kind.prepareForStatusUpdate(written, old)).toEqual({ ...old, status: { b: 'new' } });
    expect(kind.prepareForUpdate(written, old)).toMatchObject({ spec: { a: 'new' }, status: { b: 'old' } });
  });

  test('CRD15: the generation counts changes of the spec', () => {
    const first = kind.prepareForCreate({ metadata: { name: 'w' }, spec: { a: 'x' } });
    expect(first).toMatchObject({ metadata: { generation: 1 } });
    const same = kind.prepareForUpdate(
      { metadata: { name: 'w', labels: { l: '1' } }, spec: { a: 'x' } },
      first,
    );
    expect(same).toMatchObject({ metadata: { generation: 1 } });
    const changed = kind.prepareForUpdate({ metadata: { name: 'w' }, spec: { a: 'y' } }, first);
    expect(changed).toMatchObject({ metadata: { generation: 2 } });
  });

  test.each<[string, JsonValue[]]>([
    ['.a.b', ['x']],
    ["['a']['b']", ['x']],
    ['.list[0].n', [1]],
    ['.list[*].n', [1, 2]],
    ['.list[-1].n', [2]],
    ['.list[?(@.t=="two")].n', [2]],
    ['.missing.b', []],
  ])('CRD16: %s finds %j', (path, found) => {
    const parsed = parseJsonPath(path);
    const value = {
      a: { b: 'x' },
      list: [
        { n: 1, t: 'one' },
        { n: 2, t: 'two' },
      ],
    };
    expect(parsed === undefined ? undefined : findByPath(value, parsed)).toEqual(found);
  });

  test('CRD16: columns and the age', () => {
    const metadata = { creationTimestamp: '2026-01-01T00:00:00Z' };
    const now = Date.parse('2026-01-01T00:05:00Z');
    expect([kind.columns.map(({ name }) => name), kind.row({ metadata }, now)]).toEqual([['Age'], ['5m']]);
    const status = { readyToUse: true, restoreSize: '1Gi', creationTime: '2026-01-01T00:01:00Z' };
    const spec = { source: { persistentVolumeClaimName: 'data' } };
    expect(kindOf('VolumeSnapshot').row({ metadata, spec, status }, now)).toEqual([
      true,
      'data',
      null,
      '1Gi',
      null,
      null,
      '4m',
      '5m',
    ]);
  });
});

describe('snapshot kinds', () => {
  const source = (kind: string, spec: JsonObject, old?: JsonObject): readonly string[] => {
    const definition = kindOf(kind);
    const found =
      old === undefined
        ? definition.validateCreate({ spec })
        : definition.validateUpdate({ spec }, { spec: old });
    return found.map(fieldErrorText);
  };
  const content = (more: JsonObject): JsonObject => ({
    deletionPolicy: 'Delete',
    driver: 'd',
    source: { volumeHandle: 'v' },
    volumeSnapshotRef: { name: 'n', namespace: 'ns' },
    ...more,
  });

  test.each<[string, string, JsonObject, JsonObject | undefined, string]>([
    [
      'two sources',
      'VolumeSnapshot',
      { source: { persistentVolumeClaimName: 'a', volumeSnapshotContentName: 'b' } },
      undefined,
      'spec.source',
    ],
    ['no source', 'VolumeSnapshot', { source: {} }, undefined, 'spec.source'],
    [
      'another claim',
      'VolumeSnapshot',
      { source: { persistentVolumeClaimName: 'a' } },
      { source: { persistentVolumeClaimName: 'b' } },
      'spec.source.persistentVolumeClaimName',
    ],
    [
      'an empty class',
      'VolumeSnapshot',
      { source: { persistentVolumeClaimName: 'a' }, volumeSnapshotClassName: '' },
      undefined,
      'spec.volumeSnapshotClassName',
    ],
    [
      'a reference without namespace',
      'VolumeSnapshotContent',
      content({ volumeSnapshotRef: { name: 'n' } }),
      undefined,
      'spec.volumeSnapshotRef',
    ],
    [
      'another mode',
      'VolumeSnapshotContent',
      content({ sourceVolumeMode: 'Block' }),
      content({ sourceVolumeMode: 'Filesystem' }),
      'spec.sourceVolumeMode',
    ],
    [
      'a policy that is none',
      'VolumeSnapshotContent',
      content({ deletionPolicy: 'Keep' }),
      undefined,
      'spec.deletionPolicy: Unsupported value',
    ],
    ['a group without source', 'VolumeGroupSnapshot', { source: {} }, undefined, 'spec.source'],
  ])('CRD17: refuses %s', (_, kind, spec, old, text) => {
    expect(source(kind, spec, old)).toEqual([expect.stringContaining(text)]);
  });

  test('CRD17: accepts what is right', () => {
    expect(source('VolumeSnapshot', { source: { persistentVolumeClaimName: 'a' } })).toEqual([]);
    expect(source('VolumeSnapshotContent', content({}))).toEqual([]);
    expect(source('VolumeGroupSnapshot', { source: { selector: { matchLabels: { a: 'b' } } } })).toEqual([]);
  });
});
