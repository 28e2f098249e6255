// Every combination of what a claim and the one volume near it can look like: 2,400 pairs of objects, each carried to its
// end by the pure decisions and writes alone. What must never happen is looked for at every step.
import { expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { StorageClass } from '#api/generated/storage-v1.ts';
import type { ApiObject, Stored } from '#api/object.ts';
import { reservedVolume } from '#rules/claim-ref.ts';
import { classOfClaim, classOfVolume } from '#rules/storage-class.ts';
import { BIND_COMPLETED } from '#rules/well-known.ts';
import * as claims from './claim-writes.ts';
import { decideClaim } from './decide.ts';
import { decideVolume } from './decide-volume.ts';
import { type ClaimView, isFree } from './view.ts';
import * as volumes from './volume-writes.ts';

type Claim = Stored<PersistentVolumeClaim>;
type Volume = Stored<PersistentVolume>;
interface World {
  readonly claim: Claim;
  readonly volume: Volume | undefined;
}

function stored<T extends ApiObject>(object: T): Stored<T> {
  const metadata = { name: '', uid: '', resourceVersion: '1', creationTimestamp: '', ...object.metadata };
  // The object with all that a stored one has; the compiler does not see through Omit.
  return { ...object, metadata } as unknown as Stored<T>;
}

const ME = { namespace: 'shop', name: 'data' };
const POINTERS = {
  none: undefined,
  'my name': ME,
  'my UID': { ...ME, uid: 'me' },
  'my name with an old UID': { ...ME, uid: 'old' },
  'another claim': { namespace: 'shop', name: 'other', uid: 'other' },
} as const;
const VOLUME_PHASES = ['Pending', 'Available', 'Bound', 'Released', 'Failed'] as const;
const CLAIM_PHASES = ['Pending', 'Bound', 'Lost'] as const;
const CLAIM_KINDS = ['open', 'named', 'named and complete', 'complete without a name'] as const;
const SIZES = ['1Gi', '9Gi'] as const;
const MODES = ['Filesystem', 'Block'] as const;
const BINDINGS = ['Immediate', 'WaitForFirstConsumer'] as const;

function* worlds(): Generator<readonly [string, World, StorageClass]> {
  for (const volumeBindingMode of BINDINGS)
    for (const kind of CLAIM_KINDS)
      for (const claimPhase of CLAIM_PHASES)
        for (const size of SIZES)
          for (const volumeMode of MODES)
            for (const volumePhase of VOLUME_PHASES)
              for (const [pointer, claimRef] of Object.entries(POINTERS)) {
                const name = [
                  volumeBindingMode,
                  kind,
                  claimPhase,
                  size,
                  volumeMode,
                  volumePhase,
                  pointer,
                ].join(', ');
                const claim = aClaim(kind, claimPhase, size);
                const volume = aVolume(volumePhase, volumeMode, claimRef);
                const gold = { metadata: { name: 'gold' }, provisioner: 'd', volumeBindingMode };
                yield [name, { claim, volume }, gold];
              }
}

function aClaim(
  kind: (typeof CLAIM_KINDS)[number],
  phase: (typeof CLAIM_PHASES)[number],
  size: string,
): Claim {
  const isComplete = kind.includes('complete');
  return stored<PersistentVolumeClaim>({
    metadata: { ...ME, uid: 'me', annotations: isComplete ? { [BIND_COMPLETED]: 'yes' } : {} },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: size } },
      storageClassName: 'gold',
      ...(kind.startsWith('named') ? { volumeName: 'pv' } : {}),
    },
    status: { phase },
  });
}

function aVolume(
  phase: (typeof VOLUME_PHASES)[number],
  volumeMode: (typeof MODES)[number],
  claimRef: NonNullable<PersistentVolume['spec']>['claimRef'],
): Volume {
  return stored<PersistentVolume>({
    metadata: { name: 'pv', uid: 'pv' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '5Gi' },
      storageClassName: 'gold',
      volumeMode,
      persistentVolumeReclaimPolicy: 'Retain',
      ...(claimRef === undefined ? {} : { claimRef }),
    },
    status: { phase },
  });
}

function viewOf({ claim, volume }: World, storageClass: StorageClass): ClaimView {
  const ref = volume?.spec?.claimRef;
  const isNear = volume !== undefined && ref?.namespace === ME.namespace && ref.name === ME.name;
  const isOffered = volume !== undefined && isFree(volume) && classOfVolume(volume) === classOfClaim(claim);
  return {
    claim,
    volume: claim.spec?.volumeName === volume?.metadata.name ? volume : undefined,
    pointing: isNear ? [volume] : [],
    free: isOffered ? [volume] : [],
    storageClass: stored(storageClass),
    defaultClass: undefined,
    waitingPods: [],
  };
}

/** The world after the claim's step; undefined when it rests. */
function afterClaim(world: World, storageClass: StorageClass): World | undefined {
  const { claim } = world;
  const step = decideClaim(viewOf(world, storageClass));
  switch (step.kind) {
    case 'reserve':
      return { claim, volume: { ...step.volume, ...reservedVolume(step.volume, claim) } };
    case 'mark-bound':
      return { claim, volume: volumes.volumeInPhase(step.volume, 'Bound', 0) };
    case 'point':
      return { ...world, claim: claims.pointedClaim(claim, step.volume) };
    case 'publish':
      return { ...world, claim: claims.publishedClaim(claim, step.volume) };
    case 'ask-provisioner':
      return { ...world, claim: claims.claimForProvisioner(claim, step.provisioner) };
    case 'pend':
      return { ...world, claim: claims.pendingClaim(claim) };
    case 'lose':
      return { ...world, claim: claims.lostClaim(claim) };
    case 'assign-class':
    case 'mark-migrated':
      throw new Error(`no such step in these worlds: ${step.kind}`);
    case 'rest':
      return undefined;
  }
}

function afterVolume({ claim, volume }: World): World | undefined {
  if (volume === undefined) return undefined;
  const ref = volume.spec?.claimRef;
  const isNear = ref?.namespace === ME.namespace && ref.name === ME.name;
  const step = decideVolume({ volume, claim: isNear ? claim : undefined });
  switch (step.kind) {
    case 'set-phase':
      return { claim, volume: volumes.volumeInPhase(volume, step.phase, 0) };
    case 'release':
      return { claim, volume: volumes.volumeInPhase(volume, 'Released', 0) };
    case 'roll-back':
      return { claim, volume: volumes.rolledBackVolume(volume, step.clears) };
    case 'set-finalizers':
    case 'scrub':
    case 'drop-scrubber':
    case 'mark-migrated':
      throw new Error(`no such step in these worlds: ${step.kind}`);
    case 'rest':
      return undefined;
  }
}

/** What may never be, at any step. */
function violationOf(before: World, after: World): string | undefined {
  const owner = before.volume?.spec?.claimRef?.uid ?? '';
  const next = after.volume?.spec?.claimRef?.uid ?? '';
  if (owner !== '' && owner !== 'me' && next === 'me') return 'a volume of another claim was taken';
  const isPair = after.volume?.spec?.claimRef?.uid === 'me' && after.claim.spec?.volumeName === 'pv';
  const became = (phase: string): boolean =>
    after.claim.status?.phase === phase && before.claim.status?.phase !== phase;
  if (became('Bound') && !isPair) return 'a claim became Bound without its volume (I-1)';
  if (became('Bound') && after.volume?.status?.phase !== 'Bound')
    return 'a claim became Bound before its volume';
  const wasComplete = before.claim.metadata.annotations?.[BIND_COMPLETED] !== undefined;
  if (wasComplete && before.claim.spec?.volumeName !== after.claim.spec?.volumeName)
    return 'a bound claim changed its volume';
  return undefined;
}

const MAX_STEPS = 12;

test.each(['claim', 'volume'] as const)(
  'BND6 BND70: all worlds come to rest whole or unbound, the %s first, and no volume is stolen',
  (first) => {
    const failures: string[] = [];
    let count = 0;
    for (const [name, start, storageClass] of worlds()) {
      count++;
      let world = start;
      let steps = 0;
      for (; steps <= MAX_STEPS; steps++) {
        const byClaim = (): World | undefined => afterClaim(world, storageClass);
        const byVolume = (): World | undefined => afterVolume(world);
        const next = first === 'claim' ? (byClaim() ?? byVolume()) : (byVolume() ?? byClaim());
        if (next === undefined) break;
        const violation = violationOf(world, next);
        if (violation !== undefined) failures.push(`${name}: ${violation}`);
        world = next;
      }
      if (steps > MAX_STEPS) failures.push(`${name}: never rests`);
      const { claim, volume } = world;
      const isWhole = volume?.spec?.claimRef?.uid === 'me' && claim.spec?.volumeName === 'pv';
      if (claim.status?.phase === 'Bound' && !isWhole)
        failures.push(`${name}: rests Bound without its volume`);
    }
    expect(count).toBe(2400);
    expect(failures).toEqual([]);
  },
);
