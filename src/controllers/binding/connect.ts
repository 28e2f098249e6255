// Connects informers to the binding loop's keys. A change of one half of a pair enqueues the other half too, and what
// becomes free or possible enqueues the claims that look for it.
import { keyOf } from '#api/object.ts';
import { persistentVolumeClaims, persistentVolumes, pods, storageClasses } from '#api/resources.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { claimKeyOf } from '#rules/claim-ref.ts';
import { classOfVolume } from '#rules/storage-class.ts';
import { bindingReconcile } from './reconcile.ts';
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
}

/** The binding loop: claims and volumes, made into pairs and taken apart again. */
export function bindingLoop(deps: LoopDeps, { concurrency = 64 }: BindingOptions = {}): Service {
  const { informers } = deps;
  const claims = informers.informer(persistentVolumeClaims, claimIndexes);
  const volumes = informers.informer(persistentVolumes, volumeIndexes);
  const classes = informers.informer(storageClasses);
  const podCache = informers.informer(pods, podIndexes);
  const reconcile = bindingReconcile(deps, { claims, volumes, classes, pods: podCache });
  const connect = (enqueue: (key: string) => void): (() => void)[] => {
    const openClaims = (className: string): void => {
      for (const claim of claims.byIndex(OPEN_CLAIMS_BY_CLASS, className)) enqueue(claimKey(claim));
    };
    return [
      claims.subscribe(({ object }) => {
        enqueue(claimKey(object));
        const named = object.spec?.volumeName ?? '';
        if (named !== '') enqueue(volumeKey(named));
        for (const volume of volumes.byIndex(VOLUMES_BY_CLAIM, keyOf(object))) {
          enqueue(volumeKey(volume.metadata.name));
        }
      }),
      volumes.subscribe(({ object }) => {
        enqueue(volumeKey(object.metadata.name));
        const pointed = claimKeyOf(object);
        if (pointed !== undefined) enqueue(`claim/${pointed}`);
        for (const claim of claims.byIndex(CLAIMS_BY_VOLUME, object.metadata.name)) enqueue(claimKey(claim));
        if (isFree(object)) openClaims(classOfVolume(object));
      }),
      classes.subscribe(({ object }) => {
        openClaims(object.metadata.name);
        openClaims(''); // a new default class concerns the claims that left theirs open
      }),
    ];
  };
  return runLoop(deps, { name: 'binding', concurrency, reconcile, connect });
}
