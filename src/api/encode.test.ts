import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeForStore, encodeJson, joinList, spliceResourceVersion, watchFrame } from './encode.ts';

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
    const stored = encodeForStore(object);
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
        const spliced = read(spliceResourceVersion(encodeForStore(object), revision));
        const expected = { ...object, metadata: { ...object.metadata, resourceVersion: `${revision}` } };
        expect(spliced).toEqual(read(encodeJson(expected)));
      }),
    );
  });

  it('API26: an object without a kind is not stored', () => {
    expect(() => encodeForStore({ metadata: { name: 'a' } })).toThrow(
      'must have apiVersion, kind and metadata',
    );
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
