import { describe, expect, it } from 'vitest';
import { fieldErrorText } from './field-errors.ts';
import type { JsonObject } from './json.ts';
import { inheritMetadata, validateMetadataCreate, validateMetadataUpdate } from './metadata-validation.ts';

const NAMESPACED = { nameRule: 'subdomain', namespaced: true } as const;
const CLUSTER = { nameRule: 'label', namespaced: false } as const;

function created(metadata: JsonObject, rules: typeof NAMESPACED | typeof CLUSTER = NAMESPACED): string {
  return validateMetadataCreate({ metadata }, rules).map(fieldErrorText).join('; ');
}

const good = { name: 'a', namespace: 'default' };

const rows = [
  {
    rule: 'API10',
    when: 'there is no name',
    metadata: { namespace: 'default' },
    says: 'metadata.name: Required value: name or generateName is required',
  },
  {
    rule: 'API10',
    when: 'the name has capitals',
    metadata: { ...good, name: 'Abc' },
    says: 'metadata.name: Invalid value: "Abc": a lowercase RFC 1123 subdomain must consist',
  },
  {
    rule: 'API10',
    when: 'the name is too long',
    metadata: { ...good, name: 'a'.repeat(254) },
    says: 'must be no more than 253 characters',
  },
  {
    rule: 'API10',
    when: 'the name has a NUL',
    metadata: { ...good, name: 'a\0b' },
    says: 'metadata.name: Invalid value: "a\\u0000b"',
  },
  {
    rule: 'API10',
    when: 'the name ends in a newline',
    metadata: { ...good, name: 'a\n' },
    says: 'metadata.name: Invalid value',
  },
  {
    rule: 'API10',
    when: 'the name is a look-alike',
    metadata: { ...good, name: 'аbc' },
    says: 'metadata.name: Invalid value',
  },
  {
    rule: 'API10',
    when: 'there is no namespace',
    metadata: { name: 'a' },
    says: 'metadata.namespace: Required value',
  },
  {
    rule: 'API11',
    when: 'a label value has a space',
    metadata: { ...good, labels: { a: 'b c' } },
    says: 'metadata.labels: Invalid value: "b c": a valid label must be an empty string or',
  },
  {
    rule: 'API11',
    when: 'a label key has two slashes',
    metadata: { ...good, labels: { 'a/b/c': '' } },
    says: 'metadata.labels: Invalid value: "a/b/c": a valid label key must',
  },
  {
    rule: 'API11',
    when: 'a label prefix is empty',
    metadata: { ...good, labels: { '/c': '' } },
    says: 'prefix part must be non-empty',
  },
  {
    rule: 'API11',
    when: 'a label value is too long',
    metadata: { ...good, labels: { a: 'b'.repeat(64) } },
    says: 'must be no more than 63 bytes',
  },
  {
    rule: 'API11',
    when: 'annotations are too large',
    metadata: { ...good, annotations: { a: 'x'.repeat(262144) } },
    says: 'metadata.annotations: Too long: may not be more than 262144 bytes',
  },
  {
    rule: 'API11',
    when: 'a finalizer is malformed',
    metadata: { ...good, finalizers: ['a b'] },
    says: 'metadata.finalizers: Invalid value: "a b": name part must',
  },
  {
    rule: 'API11',
    when: 'finalizers contradict',
    metadata: { ...good, finalizers: ['orphan', 'foregroundDeletion'] },
    says: 'cannot be both set',
  },
  {
    rule: 'API12',
    when: 'an owner has no uid',
    metadata: { ...good, ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p' }] },
    says: 'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
  },
  {
    rule: 'API12',
    when: 'an owner is an event',
    metadata: { ...good, ownerReferences: [{ apiVersion: 'v1', kind: 'Event', name: 'p', uid: 'u' }] },
    says: '/v1, Kind=Event is disallowed from being an owner',
  },
  {
    rule: 'API12',
    when: 'two owners are controllers',
    metadata: {
      ...good,
      ownerReferences: ['p', 'q'].map((name) => ({
        apiVersion: 'v1',
        kind: 'Pod',
        name,
        uid: name,
        controller: true,
      })),
    },
    says: 'Only one reference can have Controller set to true. Found "true" in references for Pod/p and Pod/q',
  },
];

describe('metadata of a new object', () => {
  it.each(rows)('$rule: is refused when $when', ({ metadata, says }) => {
    expect(created(metadata)).toContain(says);
  });

  it('API10: a good one passes; a cluster-scoped one has no namespace', () => {
    const labels = { 'example.com/a': 'b', c: '' };
    expect(
      created({ ...good, labels, annotations: { 'Example.com/A': ' any\n' }, finalizers: ['x.y/z'] }),
    ).toBe('');
    expect(created({ name: 'a' }, CLUSTER)).toBe('');
    expect(created(good, CLUSTER)).toContain('metadata.namespace: Forbidden: not allowed on this type');
    expect(created({ name: 'a.b' }, CLUSTER)).toBe(
      'metadata.name: Invalid value: "a.b": must not contain dots',
    );
    expect(created({ ...good, generateName: 'a-' })).toBe('');
    expect(created({ ...good, generateName: 'A-' })).toContain('metadata.generateName: Invalid value');
  });
});

describe('metadata of an update', () => {
  const old = { metadata: { ...good, uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z', generation: 3 } };
  const changes = ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp'];
  it.each(changes)('API13: metadata.%s cannot change', (key) => {
    const object = inheritMetadata({ metadata: { ...old.metadata, [key]: 'other' } }, old);
    const texts = validateMetadataUpdate(object, old).map(fieldErrorText);
    expect(texts).toEqual([`metadata.${key}: Invalid value: "other": field is immutable`]);
  });

  it('API13: what the body leaves out comes from the stored object', () => {
    const object = inheritMetadata({ metadata: { ...good, generation: 9 } }, old);
    expect(object).toEqual(old);
    expect(validateMetadataUpdate(object, old)).toEqual([]);
  });

  it('API14: a deleted object keeps or loses finalizers and gets none', () => {
    const deleted = { metadata: { ...old.metadata, deletionTimestamp: 'x', finalizers: ['a/b', 'c/d'] } };
    const update = (finalizers: string[]) =>
      validateMetadataUpdate({ metadata: { ...deleted.metadata, finalizers } }, deleted).map(fieldErrorText);
    expect(update(['a/b'])).toEqual([]);
    expect(update(['a/b', 'e/f'])).toEqual([
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, ' +
        'found new finalizers []string{"e/f"}',
    ]);
  });
});
