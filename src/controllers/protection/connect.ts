// Connects claims, volumes and pods to the protection loop's keys.
// Rule PRT8 is carried out here too.
import { keyOf } from '#api/object.ts';
import { persistentVolumeClaims, persistentVolumes, pods, volumeAttributesClasses } from '#api/resources.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { claimKeysOfPod } from '#rules/pod-volumes.ts';
import {
  attributesClassesOfClaim,
  attributesClassesOfVolume,
  CLAIMS_BY_ATTRIBUTES_CLASS,
  VOLUMES_BY_ATTRIBUTES_CLASS,
} from './attributes-class.ts';
import { protectionReconcile } from './reconcile.ts';
import { podIndexes } from './view.ts';

export interface ProtectionOptions {
  /** Keys in flight at once. */
  readonly concurrency?: number;
}

/** The loop that keeps claims in use and bound volumes from being removed. */
export function protectionLoop(deps: LoopDeps, { concurrency = 16 }: ProtectionOptions = {}): Service {
  const { informers } = deps;
  const claims = informers.informer(persistentVolumeClaims, {
    [CLAIMS_BY_ATTRIBUTES_CLASS]: attributesClassesOfClaim,
  });
  const volumes = informers.informer(persistentVolumes, {
    [VOLUMES_BY_ATTRIBUTES_CLASS]: attributesClassesOfVolume,
  });
  const attributesClasses = informers.informer(volumeAttributesClasses);
  const podCache = informers.informer(pods, podIndexes);
  const reconcile = protectionReconcile(deps, { claims, volumes, pods: podCache, attributesClasses });
  const connect = (enqueue: (key: string) => void): (() => void)[] => [
    claims.subscribe((event) => {
      const { object } = event;
      enqueue(`claim/${keyOf(object)}`);
      const volume = object.spec?.volumeName ?? '';
      if (volume !== '') enqueue(`volume/${volume}`);
      // The class that a claim has let go of may have waited for it.
      const before = event.kind === 'updated' ? attributesClassesOfClaim(event.previous) : [];
      for (const name of new Set([...before, ...attributesClassesOfClaim(object)])) {
        enqueue(`attributes-class/${name}`);
      }
    }),
    volumes.subscribe((event) => {
      const { object } = event;
      enqueue(`volume/${keyOf(object)}`);
      const before = event.kind === 'updated' ? attributesClassesOfVolume(event.previous) : [];
      for (const name of [...before, ...attributesClassesOfVolume(object)])
        enqueue(`attributes-class/${name}`);
    }),
    attributesClasses.subscribe(({ object }) => enqueue(`attributes-class/${keyOf(object)}`)),
    podCache.subscribe(({ object }) => {
      for (const claim of claimKeysOfPod(object)) enqueue(`claim/${claim}`);
    }),
  ];
  return runLoop(deps, { name: 'protection', concurrency, reconcile, connect });
}
