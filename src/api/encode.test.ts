import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeForStore,
  encodeJson,
  isStoredAs,
  joinList,
  spliceResourceVersion,
  watchFrame,
} from './encode.ts';

const POD = { apiVersion: 'v1', kind: 'Pod', withoutMetadata: new Set(['resourceVersion']) };

function read(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString());
}

describe('encoding', () => {
  it('API26: stored bytes hold no resourceVersion, and one can be spliced in', () => {
    const object = {
      spec: { a: '"metadata":{' },
      metadata: { name: 'a', resourceVersion: '7' },
      kind: 'Pod',
      apiVersion: 'v1',
    };
    const stored = encodeForStore(object, POD);
    expect(Buffer.from(stored).toString()).toBe(
      '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"a":"\\"metadata\\":{"}}',
    );
    const { metadata, ...rest } = object;
    expect(read(spliceResourceVersion(stored, 12))).toEqual({
      ...rest,
      metadata: { ...metadata, resourceVersion: '12' },
    });
  });

  it('API26: whatever the object holds', () => {
    const metadata = fc.dictionary(fc.oneof(fc.string(), fc.constant('metadata')), fc.json());
    const body = fc.record({ apiVersion: fc.string(), kind: fc.string(), metadata, spec: fc.json() });
    fc.assert(
      fc.property(body, fc.nat(), (object, revision) => {
        const type = { ...POD, apiVersion: object.apiVersion, kind: object.kind };
        const stored = encodeForStore(object, type);
        const bytes = spliceResourceVersion(stored, revision);
        expect(isStoredAs(bytes, stored)).toBe(true);
        const spliced = read(bytes);
        const expected = { ...object, metadata: { ...object.metadata, resourceVersion: `${revision}` } };
        expect(spliced).toEqual(read(encodeJson(expected)));
      }),
    );
  });

  it('API26: an object without metadata is not stored', () => {
    expect(() => encodeForStore({ spec: {} }, POD)).toThrow('must have metadata');
  });

  it.each([
    { when: 'a member differs', metadata: { name: 'b' }, spec: { a: 1 } },
    { when: 'metadata has one more', metadata: { name: 'a', uid: 'u' }, spec: { a: 1 } },
    { when: 'metadata has none', metadata: {}, spec: { a: 1 } },
    { when: 'the rest differs', metadata: { name: 'a' }, spec: { a: 2 } },
    { when: 'the rest is longer', metadata: { name: 'a' }, spec: { a: 1, b: 1 } },
  ])('API26: stored bytes are recognised under any revision, and not when $when', ({ metadata, spec }) => {
    const stored = encodeForStore({ metadata: { name: 'a' }, spec: { a: 1 } }, POD);
    const other = encodeForStore({ metadata, spec }, POD);
    for (const revision of [1, 987654321]) {
      expect(isStoredAs(spliceResourceVersion(stored, revision), stored)).toBe(true);
      expect(isStoredAs(spliceResourceVersion(stored, revision), other)).toBe(false);
      expect(isStoredAs(spliceResourceVersion(other, revision), stored)).toBe(false);
    }
  });

  it('API27: lists and watch frames are joined from stored bytes', () => {
    const items = [{ a: 1 }, { b: 'ü' }];
    const head = { apiVersion: 'v1', kind: 'PodList', metadata: { resourceVersion: '5', continue: 'x' } };
    expect(read(joinList(head, items.map(encodeJson)))).toEqual({ ...head, items });
    expect(read(joinList(head, []))).toEqual({ ...head, items: [] });
    const frame = Buffer.from(watchFrame('ADDED', encodeJson({ a: 1 }))).toString();
    expect(frame).toBe('{"type":"ADDED","object":{"a":1}}\n');
  });
});
