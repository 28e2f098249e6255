import { expect, test } from 'vitest';
import type { PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import type { OwnerReference } from '#api/generated/meta-v1.ts';
import type { Stored } from '#api/object.ts';
import { decideClaim, decidePod } from './decide.ts';
import { viewClaim, viewPod } from './view.ts';

const namespace = 'shop';
const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
const stored = { resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
const volumeOf = (name: string) => ({
  name,
  ephemeral: {
    volumeClaimTemplate: { metadata: { labels: { app: 'web' }, annotations: { note: 'scratch' } }, spec },
  },
});
const aPod = (volumes: readonly string[] = ['scratch'], more: Partial<Stored<Pod>> = {}): Stored<Pod> => ({
  metadata: { namespace, name: 'web', uid: 'uid-web', ...stored },
  spec: { containers: [], volumes: volumes.map(volumeOf) },
  ...more,
});
const owner: OwnerReference = {
  apiVersion: 'v1',
  kind: 'Pod',
  name: 'web',
  uid: 'uid-web',
  controller: true,
};
const aClaim = (
  owners: readonly OwnerReference[] = [owner],
  metadata: object = {},
): Stored<PersistentVolumeClaim> => ({
  metadata: {
    namespace,
    name: 'web-scratch',
    uid: 'uid-claim',
    ...stored,
    ownerReferences: owners,
    ...metadata,
  },
  spec,
});

function caches(pods: readonly Stored<Pod>[], claims: readonly Stored<PersistentVolumeClaim>[]) {
  const find = <T extends { readonly metadata: { readonly namespace?: string | undefined; name: string } }>(
    all: readonly T[],
  ) => ({ get: (key: string) => all.find(({ metadata: m }) => `${m.namespace ?? ''}/${m.name}` === key) });
  return { pods: find(pods), claims: find(claims) };
}

test('EPH1: a missing claim is made from the template, owned by the pod (EPH2)', () => {
  const pod = aPod();
  expect(decidePod(viewPod(caches([pod], []), pod))).toEqual({
    kind: 'create',
    claim: {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        namespace,
        name: 'web-scratch',
        labels: { app: 'web' },
        annotations: { note: 'scratch' },
        ownerReferences: [{ ...owner, blockOwnerDeletion: true }],
      },
      spec,
    },
  });
});

test.each([
  { rule: 'EPH1', when: 'its claim is there', pod: aPod(), claims: [aClaim()], kind: 'settled' },
  { rule: 'EPH1', when: 'it has no ephemeral volume', pod: aPod([]), claims: [], kind: 'settled' },
  {
    rule: 'EPH3',
    when: 'it is being deleted',
    pod: aPod(['scratch'], { metadata: { ...aPod().metadata, deletionTimestamp: 'now' } }),
    claims: [],
    kind: 'settled',
  },
  {
    rule: 'EPH3',
    when: 'it has ended',
    pod: aPod(['scratch'], { status: { phase: 'Succeeded' } }),
    claims: [],
    kind: 'settled',
  },
  { rule: 'EPH4', when: 'the claim is nobody’s', pod: aPod(), claims: [aClaim([])], kind: 'conflict' },
  {
    rule: 'EPH4',
    when: 'the claim is of an earlier pod of that name',
    pod: aPod(),
    claims: [aClaim([{ ...owner, uid: 'uid-old' }])],
    kind: 'conflict',
  },
  {
    rule: 'EPH4',
    when: 'the claim names the pod, but not as its controller',
    pod: aPod(),
    claims: [aClaim([{ ...owner, controller: false }])],
    kind: 'conflict',
  },
  {
    rule: 'EPH5',
    when: 'one of two claims is foreign',
    pod: aPod(['scratch', 'other']),
    claims: [aClaim([])],
    kind: 'create',
  },
])('$rule: decides $kind for a pod when $when', ({ pod, claims, kind }) => {
  expect(decidePod(viewPod(caches([pod], claims), pod)).kind).toBe(kind);
});

test.each([
  { rule: 'EPH6', when: 'its pod is gone', pods: [], claim: aClaim(), kind: 'verify' },
  {
    rule: 'EPH6',
    when: 'its pod was replaced',
    pods: [aPod([], { metadata: { ...aPod().metadata, uid: 'uid-new' } })],
    claim: aClaim(),
    kind: 'verify',
  },
  { rule: 'EPH8', when: 'its pod is there', pods: [aPod()], claim: aClaim(), kind: 'settled' },
  {
    rule: 'EPH8',
    when: 'its pod has ended',
    pods: [aPod([], { status: { phase: 'Failed' } })],
    claim: aClaim(),
    kind: 'settled',
  },
  {
    rule: 'EPH8',
    when: 'another owner is no pod',
    pods: [],
    claim: aClaim([owner, { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'u' }]),
    kind: 'settled',
  },
  {
    rule: 'EPH8',
    when: 'no pod owns it as its controller',
    pods: [],
    claim: aClaim([{ ...owner, controller: false }]),
    kind: 'settled',
  },
  { rule: 'EPH8', when: 'nobody owns it', pods: [], claim: aClaim([]), kind: 'settled' },
  {
    rule: 'EPH9',
    when: 'it is being deleted',
    pods: [],
    claim: aClaim([owner], { deletionTimestamp: 'now' }),
    kind: 'settled',
  },
])('$rule: decides $kind for a claim when $when', ({ pods, claim, kind }) => {
  expect(decideClaim(viewClaim(caches(pods, [claim]), claim)).kind).toBe(kind);
});
