// Connects claims, volumes and pods to the protection loop's keys.
import { keyOf } from '#api/object.ts';
import { persistentVolumeClaims, persistentVolumes, pods } from '#api/resources.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { claimKeysOfPod } from '#rules/pod-volumes.ts';
import { protectionReconcile } from './reconcile.ts';
import { podIndexes } from './view.ts';

export interface ProtectionOptions {
  /** Keys in flight at once. */
  readonly concurrency?: number;
}

/** The loop that keeps claims in use and bound volumes from being removed. */
export function protectionLoop(deps: LoopDeps, { concurrency = 16 }: ProtectionOptions = {}): Service {
  const { informers } = deps;
  const claims = informers.informer(persistentVolumeClaims);
  const volumes = informers.informer(persistentVolumes);
  const podCache = informers.informer(pods, podIndexes);
  const reconcile = protectionReconcile(deps, { claims, volumes, pods: podCache });
  const connect = (enqueue: (key: string) => void): (() => void)[] => [
    claims.subscribe(({ object }) => {
      enqueue(`claim/${keyOf(object)}`);
      const volume = object.spec?.volumeName ?? '';
      if (volume !== '') enqueue(`volume/${volume}`);
    }),
    volumes.subscribe(({ object }) => enqueue(`volume/${keyOf(object)}`)),
    podCache.subscribe(({ object }) => {
      for (const claim of claimKeysOfPod(object)) enqueue(`claim/${claim}`);
    }),
  ];
  return runLoop(deps, { name: 'protection', concurrency, reconcile, connect });
}
