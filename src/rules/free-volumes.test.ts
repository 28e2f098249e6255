// The shelves against the plain search over all volumes: the same choice, whatever was put, moved and taken away.
import { expect, test } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { FreeVolumes } from './free-volumes.ts';
import { findFreeVolume } from './match-volume.ts';

const MODES = ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany'] as const;

test.each([1, 2, 3, 4, 5])(
  'RUL31 RUL32: seed %i: shelves choose what a search over everything chooses',
  (seed) => {
    const random = seededRandom(seed);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random.fraction() * items.length)] as T;
    const some = (): string[] => MODES.filter(() => random.fraction() < 0.5);
    const volumes = new Map<string, PersistentVolume>();
    const free = new FreeVolumes<PersistentVolume>();
    for (let step = 0; step < 400; step++) {
      const name = `v-${Math.floor(random.fraction() * 60)}`;
      if (random.fraction() < 0.2) {
        volumes.delete(name);
        free.remove(name);
      }
      const volume: PersistentVolume = {
        metadata: { name, labels: { tier: pick(['a', 'b']) } },
        spec: {
          accessModes: some(),
          capacity: { storage: pick(['1Gi', '2Gi', '2048Mi', '10Gi', '1500m']) },
          storageClassName: pick(['gold', 'slow', '']),
          volumeMode: pick(['Filesystem', 'Block'] as const),
          ...(random.fraction() < 0.2 ? { claimRef: { namespace: 'x', name: 'y' } } : {}),
        },
        status: { phase: pick(['Available', 'Available', 'Bound'] as const) },
      };
      volumes.set(name, volume);
      free.put(volume);
      const claim: PersistentVolumeClaim = {
        metadata: { namespace: 'shop', name: 'data', uid: '1' },
        spec: {
          accessModes: some(),
          resources: { requests: { storage: pick(['1', '1Gi', '2Gi', '5Gi']) } },
          storageClassName: pick(['gold', 'slow', '']),
          ...(random.fraction() < 0.3 ? { selector: { matchLabels: { tier: 'a' } } } : {}),
        },
      };
      const refused = `v-${Math.floor(random.fraction() * 60)}`;
      const accepts = ({ metadata }: PersistentVolume): boolean => metadata.name !== refused;
      const chosen = findFreeVolume(free.candidates(claim, accepts), claim);
      expect(chosen?.metadata.name).toBe(findFreeVolume(volumes.values(), claim, accepts)?.metadata.name);
    }
  },
);
