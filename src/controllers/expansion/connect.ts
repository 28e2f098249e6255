// Connects claims to the loop's keys.
import { keyOf } from '#api/object.ts';
import { persistentVolumeClaims, persistentVolumes } from '#api/resources.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import { type ExpansionDeps, reconcileClaim } from './reconcile.ts';

/** The loop that tells who grows a claim's volume. */
export function expansionLoop(deps: LoopDeps): Service {
  const all: ExpansionDeps = {
    events: deps.events,
    claims: deps.informers.informer(persistentVolumeClaims),
    volumes: deps.informers.informer(persistentVolumes),
    told: new Map(),
  };
  return runLoop(deps, {
    name: 'expansion',
    concurrency: 1,
    reconcile: (key) => reconcileClaim(all, key),
    connect: (enqueue) => [
      all.claims.subscribe(({ kind, object }) => {
        if (kind === 'deleted') all.told.delete(object.metadata.uid);
        else enqueue(keyOf(object));
      }),
    ],
  });
}
