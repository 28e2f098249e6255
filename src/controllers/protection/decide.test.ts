import { expect, test } from 'vitest';
import type { PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import { decideProtection, type ProtectionStep } from './decide.ts';
import { viewClaim, viewVolume } from './view.ts';

const rows: readonly {
  rule: string;
  when: string;
  isDeleting: boolean;
  isProtected: boolean;
  neededBy?: string;
  step: ProtectionStep;
}[] = [
  { rule: 'PRT1', when: 'alive and bare', isDeleting: false, isProtected: false, step: { kind: 'protect' } },
  {
    rule: 'PRT1',
    when: 'alive and protected',
    isDeleting: false,
    isProtected: true,
    step: { kind: 'settled' },
  },
  {
    rule: 'PRT1',
    when: 'deleted and bare',
    isDeleting: true,
    isProtected: false,
    step: { kind: 'settled' },
  },
  {
    rule: 'PRT2',
    when: 'deleted and needed',
    isDeleting: true,
    isProtected: true,
    neededBy: 'pod a/b',
    step: { kind: 'keep', neededBy: 'pod a/b' },
  },
  {
    rule: 'PRT3',
    when: 'deleted and not needed',
    isDeleting: true,
    isProtected: true,
    step: { kind: 'release' },
  },
];

test.each(rows)('$rule: decides $step.kind when $when', ({ isDeleting, isProtected, neededBy, step }) => {
  expect(decideProtection({ isDeleting, isProtected, neededBy })).toEqual(step);
});

const claim: PersistentVolumeClaim = { metadata: { namespace: 'shop', name: 'data', uid: 'u1' } };
const podNaming = (phase: NonNullable<Pod['status']>['phase'], spec: Partial<Pod['spec']>): Pod => ({
  metadata: { namespace: 'shop', name: 'web' },
  spec: { containers: [], ...spec },
  status: { phase },
});
const named = { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] };

test.each([
  { when: 'a running pod names it', pod: podNaming('Running', named), neededBy: 'pod shop/web' },
  { when: 'a pending pod without node names it', pod: podNaming('Pending', named), neededBy: 'pod shop/web' },
  { when: 'the pod has failed', pod: podNaming('Failed', named), neededBy: undefined },
  { when: 'the pod has succeeded', pod: podNaming('Succeeded', named), neededBy: undefined },
  { when: 'the pod names another', pod: podNaming('Running', {}), neededBy: undefined },
])('PRT2: a claim is needed by $neededBy when $when', ({ pod, neededBy }) => {
  expect(viewClaim(claim, [pod]).neededBy).toBe(neededBy);
});

test('PRT2: a generic ephemeral volume uses the claim made for its pod, and no other of that name', () => {
  const pod = podNaming('Running', { volumes: [{ name: 'scratch', ephemeral: {} }] });
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'uid-web', controller: true };
  const metadata = { namespace: 'shop', name: 'web-scratch', ownerReferences: [owner] };
  const own = { ...pod, metadata: { ...pod.metadata, uid: 'uid-web' } };
  expect(viewClaim({ metadata }, [own]).neededBy).toBe('pod shop/web');
  expect(viewClaim({ metadata }, [pod]).neededBy).toBeUndefined();
  expect(viewClaim({ metadata: { ...metadata, ownerReferences: [] } }, [own]).neededBy).toBeUndefined();
});

const live = {
  metadata: {
    ...claim.metadata,
    name: 'data',
    uid: 'u1',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: { volumeName: 'pv-1' },
};

test.each([
  { when: 'it is Bound', phase: 'Bound', uid: 'u1', found: live, isNeeded: true },
  {
    when: 'it is Bound and its claim is missing',
    phase: 'Bound',
    uid: 'u1',
    found: undefined,
    isNeeded: true,
  },
  {
    when: 'its claim names it before the phase says so',
    phase: 'Available',
    uid: 'u1',
    found: live,
    isNeeded: true,
  },
  { when: 'it is Released', phase: 'Released', uid: 'u1', found: undefined, isNeeded: false },
  { when: 'another claim has the name', phase: 'Released', uid: 'u0', found: live, isNeeded: false },
] as const)('PRT4: a volume is needed: $isNeeded when $when', ({ phase, uid, found, isNeeded }) => {
  const volume = {
    metadata: { name: 'pv-1' },
    spec: { claimRef: { namespace: 'shop', name: 'data', uid } },
    status: { phase },
  };
  expect(viewVolume(volume, found).neededBy !== undefined).toBe(isNeeded);
});
