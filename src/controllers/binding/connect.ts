// Connects informers to the binding loop's keys. A change of one half of a pair enqueues the other half too, and what
// becomes free or possible enqueues the claims that look for it.
// Rule BND71 is carried out here too.
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import { keyOf, type Stored } from '#api/object.ts';
import { persistentVolumeClaims, persistentVolumes, pods, storageClasses } from '#api/resources.ts';
import type { Timer } from '#base/clock.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { claimKeyOf } from '#rules/claim-ref.ts';
import { FreeVolumes } from '#rules/free-volumes.ts';
import { isTerminal } from '#rules/pod-state.ts';
import { claimKeysOfPod } from '#rules/pod-volumes.ts';
import { classOfVolume } from '#rules/storage-class.ts';
import { bindingReconcile } from './reconcile.ts';
import { SCRUBBER_NAMESPACE, SCRUBS_VOLUME } from './scrubber.ts';
import {
  CLAIMS_BY_VOLUME,
  claimIndexes,
  claimKey,
  isFree,
  OPEN_CLAIMS_BY_CLASS,
  podIndexes,
  volumeIndexes,
  volumeKey,
  VOLUMES_BY_CLAIM,
} from './view.ts';

export interface BindingOptions {
  /** Keys in flight at once. */
  readonly concurrency?: number;
  /** The image of the pods that empty recycled volumes. */
  readonly recyclerImage?: string;
}

/** The binding loop: claims and volumes, made into pairs and taken apart again. */
export function bindingLoop(
  deps: LoopDeps,
  { concurrency = 64, recyclerImage }: BindingOptions = {},
): Service {
  const { informers } = deps;
  const claims = informers.informer(persistentVolumeClaims, claimIndexes);
  const volumes = informers.informer(persistentVolumes, volumeIndexes);
  const classes = informers.informer(storageClasses);
  const podCache = informers.informer(pods, podIndexes);
  const free = new FreeVolumes<Stored<PersistentVolume>>();
  const reconcile = bindingReconcile(deps, { claims, volumes, free, classes, pods: podCache }, recyclerImage);
  const connect = (enqueue: (key: string) => void): (() => void)[] => {
    // A class wakes all its open claims, so many volumes that arrive together wake them once.
    const awake = new Map<string, Timer>();
    const openClaims = (className: string): void => {
      // Until the caches are full every claim is enqueued for itself.
      if (awake.has(className) || !claims.synced || !volumes.synced) return;
      const wake = (): void => {
        awake.delete(className);
        for (const claim of claims.byIndex(OPEN_CLAIMS_BY_CLASS, className)) enqueue(claimKey(claim));
      };
      awake.set(className, deps.clock.after(0, 'deadline', wake));
    };
    const rest = (): void => {
      for (const timer of awake.values()) timer.cancel();
    };
    return [
      rest,
      claims.subscribe(({ object }) => {
        enqueue(claimKey(object));
        const named = object.spec?.volumeName ?? '';
        if (named !== '') enqueue(volumeKey(named));
        for (const volume of volumes.byIndex(VOLUMES_BY_CLAIM, keyOf(object))) {
          enqueue(volumeKey(volume.metadata.name));
        }
      }),
      volumes.subscribe(({ kind, object }) => {
        if (kind === 'deleted') free.remove(object.metadata.name);
        else free.put(object);
        enqueue(volumeKey(object.metadata.name));
        const pointed = claimKeyOf(object);
        if (pointed !== undefined) enqueue(`claim/${pointed}`);
        for (const claim of claims.byIndex(CLAIMS_BY_VOLUME, object.metadata.name)) enqueue(claimKey(claim));
        if (isFree(object)) openClaims(classOfVolume(object));
      }),
      podCache.subscribe(({ kind, object }) => {
        const scrubbed = object.metadata.annotations?.[SCRUBS_VOLUME];
        if (object.metadata.namespace === SCRUBBER_NAMESPACE && scrubbed !== undefined)
          enqueue(volumeKey(scrubbed));
        // A pod that ends may have been the last user of a volume that is to be recycled.
        if (kind !== 'deleted' && !isTerminal(object)) return;
        for (const volume of claimKeysOfPod(object).flatMap((key) =>
          volumes.byIndex(VOLUMES_BY_CLAIM, key),
        )) {
          if (isRecycled(volume)) enqueue(volumeKey(volume.metadata.name));
        }
      }),
      classes.subscribe(({ object }) => {
        openClaims(object.metadata.name);
        openClaims(''); // a new default class concerns the claims that left theirs open
      }),
    ];
  };
  return runLoop(deps, { name: 'binding', concurrency, reconcile, connect });
}

function isRecycled({ spec }: PersistentVolume): boolean {
  return spec?.persistentVolumeReclaimPolicy === 'Recycle';
}
