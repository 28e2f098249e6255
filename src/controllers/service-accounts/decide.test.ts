import { expect, test } from 'vitest';
import type { Namespace } from '#api/generated/core-v1.ts';
import { decideAccount } from './decide.ts';
import { viewNamespace } from './view.ts';

const active: Namespace = { metadata: { name: 'shop' }, status: { phase: 'Active' } };
const account = { metadata: { namespace: 'shop', name: 'default' } };
const deleted: Namespace = { ...active, metadata: { ...active.metadata, deletionTimestamp: 'now' } };

test.each([
  { rule: 'SAC1', when: 'it has none', namespace: active, found: undefined, kind: 'create' },
  { rule: 'SAC1', when: 'it has one', namespace: active, found: account, kind: 'settled' },
  { rule: 'SAC2', when: 'it is missing', namespace: undefined, found: undefined, kind: 'settled' },
  { rule: 'SAC2', when: 'it is being deleted', namespace: deleted, found: undefined, kind: 'settled' },
])('$rule: a namespace is $kind when $when', ({ namespace, found, kind }) => {
  expect(decideAccount(viewNamespace(namespace, found)).kind).toBe(kind);
});
