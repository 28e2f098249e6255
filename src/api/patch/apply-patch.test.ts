import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../json.ts';
import { StatusError } from '../status.ts';
import {
  applyPatch,
  APPLY_PATCH,
  JSON_PATCH,
  MERGE_PATCH,
  parsePatch,
  STRATEGIC_MERGE_PATCH,
} from './apply-patch.ts';
import { applyMergePatch } from './merge-patch.ts';

function patched(
  original: JsonObject,
  patch: JsonValue | string,
  contentType: string,
  typeName = 'core/v1.Pod',
) {
  const text = typeof patch === 'string' ? patch : JSON.stringify(patch);
  return applyPatch(original, Buffer.from(text), contentType, typeName);
}

function failure(run: () => unknown): { code: number; message: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof StatusError) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: 200, message: 'did not fail' };
}

describe('merge patch', () => {
  // The examples of RFC 7386 that are objects.
  const rows = [
    { original: { a: 'b' }, patch: { a: 'c' }, result: { a: 'c' } },
    { original: { a: 'b' }, patch: { b: 'c' }, result: { a: 'b', b: 'c' } },
    { original: { a: 'b' }, patch: { a: null }, result: {} },
    { original: { a: ['b'] }, patch: { a: 'c' }, result: { a: 'c' } },
    { original: { a: 'c' }, patch: { a: ['b'] }, result: { a: ['b'] } },
    { original: { a: { b: 'c' } }, patch: { a: { b: 'd', c: null } }, result: { a: { b: 'd' } } },
    { original: { a: [{ b: 'c' }] }, patch: { a: [1] }, result: { a: [1] } },
    { original: {}, patch: { a: { bb: { ccc: null } } }, result: { a: { bb: {} } } },
  ];
  it.each(rows)('API28: $patch on $original', ({ original, patch, result }) => {
    expect(patched(original, patch, MERGE_PATCH)).toEqual(result);
  });

  it('API28: applied twice it does what it does once, and afterwards nothing it removes is there', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.constant(null),
      fc.array(fc.integer(), { maxLength: 2 }),
    );
    const inner = fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), leaf, { noNullPrototype: true });
    const object = fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.oneof(leaf, inner), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(object, object, (original, patch) => {
        const once = applyMergePatch(original, patch);
        expect(applyMergePatch(once, patch)).toEqual(once);
        for (const [key, value] of Object.entries(patch)) {
          if (value === null) expect(once).not.toHaveProperty([key]);
        }
      }),
    );
  });

  it('API20: a patch cannot reach a prototype', () => {
    const text = '{"metadata":{"labels":{"__proto__":"x"}},"__proto__":{"polluted":1}}';
    for (const type of [MERGE_PATCH, STRATEGIC_MERGE_PATCH]) {
      expect(JSON.stringify(patched({ metadata: {} }, text, type))).toBe(text);
    }
    expect({}).not.toHaveProperty('polluted');
    const operations = [{ op: 'add', path: '/__proto__/polluted', value: 1 }];
    expect(failure(() => patched({}, operations, JSON_PATCH)).code).toBe(422);
    expect({}).not.toHaveProperty('polluted');
  });
});

describe('JSON patch', () => {
  it('API29: applies its operations in order and leaves the original alone', () => {
    const original = { a: [1, 2], b: { c: 'd' } };
    const operations = [
      { op: 'test', path: '/b/c', value: 'd' },
      { op: 'add', path: '/a/-', value: 3 },
      { op: 'remove', path: '/a/0' },
      { op: 'move', from: '/b/c', path: '/e' },
      { op: 'copy', from: '/e', path: '/b/f~1g' },
      { op: 'replace', path: '/e', value: null },
    ];
    expect(patched(original, operations, JSON_PATCH)).toEqual({ a: [2, 3], b: { 'f/g': 'd' }, e: null });
    expect(original).toEqual({ a: [1, 2], b: { c: 'd' } });
  });

  const failing = [
    { operation: { op: 'test', path: '/a', value: 2 }, code: 422 },
    { operation: { op: 'remove', path: '/x' }, code: 422 },
    { operation: { op: 'add', path: '/x/y', value: 1 }, code: 422 },
    { operation: { op: 'replace', path: '/l/5', value: 1 }, code: 422 },
    { operation: { op: 'copy', from: '/x', path: '/a' }, code: 422 },
    { operation: { op: 'fly', path: '/a' }, code: 400 },
    { operation: { op: 'add', path: 'a', value: 1 }, code: 400 },
    { operation: { op: 'move', path: '/a' }, code: 400 },
    { operation: 5, code: 400 },
    { operation: { op: 'replace', path: '', value: [] }, code: 400 },
  ];
  it.each(failing)('API29: $operation is a $code', ({ operation, code }) => {
    expect(failure(() => patched({ a: 1, l: [] }, [operation], JSON_PATCH)).code).toBe(code);
  });

  it('API29: operations and copies are bounded', () => {
    const tests = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/a', value: 1 }));
    expect(failure(() => patched({ a: 1 }, tests, JSON_PATCH))).toEqual({
      code: 413,
      message: 'The allowed maximum operations in a JSON patch is 10000, got 10001',
    });
    const doubling = Array.from({ length: 64 }, () => ({ op: 'copy', from: '/a', path: '/a/-' }));
    expect(failure(() => patched({ a: ['x'] }, doubling, JSON_PATCH)).code).toBe(413);
    expect(failure(() => patched({}, {}, JSON_PATCH)).message).toContain('must be an array');
  });
});

describe('strategic merge patch', () => {
  const original = {
    metadata: { name: 'p', finalizers: ['a/a', 'b/b'], labels: { x: '1', y: '2' } },
    spec: {
      containers: [
        { name: 'a', image: 'one', args: ['x', 'y'], env: [{ name: 'E', value: '1' }] },
        { name: 'b', image: 'two' },
      ],
      volumes: [
        { name: 'v', emptyDir: {} },
        { name: 'w', hostPath: { path: '/' } },
      ],
      tolerations: [{ key: 'k' }],
    },
  };
  const apply = (patch: JsonObject) => patched(original, patch, STRATEGIC_MERGE_PATCH);

  it('API30: merges a list by its key and replaces one without', () => {
    const result = apply({
      metadata: { labels: { x: null, z: '3' } },
      spec: { containers: [{ name: 'b', image: 'new' }, { name: 'c' }], tolerations: [{ key: 'l' }] },
    });
    expect(result).toMatchObject({
      metadata: { name: 'p', labels: { y: '2', z: '3' } },
      spec: { tolerations: [{ key: 'l' }] },
    });
    const containers = result.spec as unknown as { containers: { name: string; image?: string }[] };
    expect(containers.containers.map(({ name, image }) => `${name} ${image}`)).toEqual([
      'a one',
      'b new',
      'c undefined',
    ]);
  });

  it('API30: merges lists within list elements, and replaces lists of scalars', () => {
    const patch = { name: 'a', args: ['z'], env: [{ name: 'F', value: '2' }] };
    expect(apply({ spec: { containers: [patch] } })).toMatchObject({
      spec: {
        containers: [
          { name: 'a', image: 'one', args: ['z'], env: [{ name: 'F' }, { name: 'E', value: '1' }] },
          { name: 'b' },
        ],
      },
    });
  });

  it('API30: unites finalizers', () => {
    expect(apply({ metadata: { finalizers: ['c/c', 'a/a', 'c/c'] } })).toMatchObject({
      metadata: { finalizers: ['c/c', 'a/a', 'b/b'] },
    });
  });

  it('API30: an element without the merge key is a 400', () => {
    const { code, message } = failure(() => apply({ spec: { containers: [{ image: 'x' }] } }));
    expect(code).toBe(400);
    expect(message).toBe('map: ["image"] does not contain declared merge key: name');
    expect(failure(() => apply({ spec: { containers: ['x'] } })).code).toBe(400);
  });

  it('API31: $patch deletes, replaces and merges', () => {
    expect(apply({ spec: { containers: [{ name: 'a', $patch: 'delete' }] } })).toMatchObject({
      spec: { containers: [{ name: 'b' }] },
    });
    expect(apply({ spec: { containers: [{ $patch: 'replace' }, { name: 'n' }] } })).toMatchObject({
      spec: { containers: [{ name: 'n' }] },
    });
    expect(apply({ metadata: { labels: { $patch: 'replace', q: '1' } } })).toMatchObject({
      metadata: { labels: { q: '1' } },
    });
    expect(apply({ metadata: { labels: { $patch: 'merge', q: '1' } } }).metadata).toMatchObject({
      labels: { x: '1', y: '2', q: '1' },
    });
    expect(apply({ metadata: { labels: { $patch: 'delete' } } }).metadata).toMatchObject({ labels: {} });
    expect(failure(() => apply({ spec: { $patch: 'explode' } })).message).toContain(
      'unknown "$patch" directive',
    );
  });

  it('API31: a directive with nothing to apply to takes its object along; within a replacement only it goes', () => {
    const added = apply({ spec: { securityContext: { $patch: 'replace', runAsUser: 5 }, hostname: 'h' } });
    expect(added.spec).not.toHaveProperty('securityContext');
    const inner = { $patch: 'replace', seLinuxOptions: { $patch: 'delete', user: 'u' }, runAsUser: null };
    const before = { spec: { securityContext: { fsGroup: 1 } } };
    expect(patched(before, { spec: { securityContext: inner } }, STRATEGIC_MERGE_PATCH)).toEqual({
      spec: { securityContext: { seLinuxOptions: { user: 'u' } } },
    });
  });

  it('API31: $retainKeys drops the other members', () => {
    const patch = { name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' } };
    const { volumes } = apply({ spec: { volumes: [patch] } }).spec as JsonObject;
    expect(volumes).toEqual([
      { name: 'v', hostPath: { path: '/x' } },
      { name: 'w', hostPath: { path: '/' } },
    ]);
    const unnamed = { name: 'v', $retainKeys: ['name'], hostPath: { path: '/x' } };
    expect(failure(() => apply({ spec: { volumes: [unnamed] } })).message).toContain('"hostPath"');
  });

  it('API31: $deleteFromPrimitiveList removes, also beside additions', () => {
    const metadata = { '$deleteFromPrimitiveList/finalizers': ['a/a'], finalizers: ['c/c'] };
    expect(apply({ metadata })).toMatchObject({ metadata: { finalizers: ['c/c', 'b/b'] } });
    expect(JSON.stringify(apply({ metadata }))).not.toContain('$');
  });

  it('API32: new elements come first; $setElementOrder decides where it is given', () => {
    const names = (patch: JsonObject) => {
      const { containers } = apply({ spec: patch }).spec as unknown as { containers: { name: string }[] };
      return containers.map(({ name }) => name);
    };
    expect(names({ containers: [{ name: 'n' }] })).toEqual(['n', 'a', 'b']);
    const order = (...list: string[]) => ({ '$setElementOrder/containers': list.map((name) => ({ name })) });
    expect(names({ ...order('b', 'a') })).toEqual(['b', 'a']);
    expect(names({ ...order('a', 'b', 'n'), containers: [{ name: 'n' }] })).toEqual(['a', 'b', 'n']);
    expect(names({ ...order('n', 'b'), containers: [{ name: 'n' }] })).toEqual(['n', 'a', 'b']);
    expect(names({ ...order('b'), containers: [{ name: 'a', $patch: 'delete' }] })).toEqual(['b']);
  });

  it('API32: a patch list that does not follow the order given with it is a 400', () => {
    const spec = {
      '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }],
      containers: [{ name: 'b' }, { name: 'a' }],
    };
    expect(failure(() => apply({ spec })).message).toContain('does not match "$setElementOrder/containers"');
    const missing = { '$setElementOrder/containers': [{ name: 'a' }], containers: [{ name: 'n' }] };
    expect(failure(() => apply({ spec: missing })).code).toBe(400);
  });

  it('API32: a list of 20,000 elements is merged in a moment', () => {
    const containers = Array.from({ length: 20_000 }, (_, index) => ({ name: `c${index}` }));
    const result = patched({ spec: { containers } }, { spec: { containers } }, STRATEGIC_MERGE_PATCH);
    expect(result).toEqual({ spec: { containers } });
  });
});

describe('patch bodies', () => {
  it('API33: another content type is a 415', () => {
    for (const type of [APPLY_PATCH, 'application/json', '']) {
      const { code, message } = failure(() => patched({}, {}, type));
      expect(code).toBe(415);
      expect(message).toContain('accepted media types include: application/json-patch+json');
    }
  });

  it('API16: duplicates in a patch are named', () => {
    const bytes = Buffer.from('{"spec":{"a":1,"a":2}}');
    expect(parsePatch(bytes, MERGE_PATCH, 'core/v1.Pod').duplicates).toEqual(['duplicate field "spec.a"']);
  });
});
