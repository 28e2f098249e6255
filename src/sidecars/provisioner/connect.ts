// Connects informers to keys: a claim, its intent and its volume all lead to the one key of the volume's name, so one
// volume is never worked on twice at once (I-20).
import {
  configMaps,
  csiNodes,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
  volumeAttachments,
} from '#api/resources.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import type { Driver } from '#csi/driver.ts';
import { sharedLists } from '#rules/proofs-live-lists.ts';
import { concernedBy, reconcileCloningProtection, sourceOfIntent } from './cloning-protection.ts';
import { reconcileReclaim } from './delete-volume.ts';
import { BY_HANDLE, BY_UID, handleKey, type ProvisionerDeps } from './deps.ts';
import { INTENT_NAMESPACE, volumeNameOf } from './intent.ts';
import { type BehaviourOptions, behaviourOf } from './options.ts';
import { reconcileProvision } from './reconcile-provision.ts';

const CREATE = 'create/';
const DELETE = 'delete/';
const CLONING = 'cloning/';

export interface ProvisionerOptions extends BehaviourOptions {
  readonly driver: Driver;
  readonly callTimeoutMs?: number;
  readonly concurrency?: number;
}

/** The provisioner of one driver. */
export function provisionerLoop(deps: LoopDeps, options: ProvisionerOptions): Service {
  const { informers } = deps;
  const all: ProvisionerDeps = {
    ...deps,
    driver: options.driver,
    behaviour: behaviourOf(options),
    callTimeoutMs: options.callTimeoutMs ?? 15_000,
    live: sharedLists(deps.api),
    freshIntents: new Set(),
    answeredIntents: new Set(),
    said: new Map(),
    races: new Map(),
    caches: {
      claims: informers.informer(persistentVolumeClaims, { [BY_UID]: (claim) => [claim.metadata.uid] }),
      volumes: informers.informer(persistentVolumes, {
        [BY_HANDLE]: (v) =>
          v.spec?.csi === undefined ? [] : [handleKey(v.spec.csi.driver, v.spec.csi.volumeHandle)],
      }),
      classes: informers.informer(storageClasses),
      intents: informers.informer(configMaps),
      nodes: informers.informer(nodes),
      csiNodes: informers.informer(csiNodes),
    },
  };
  return runLoop(deps, {
    name: `provisioner-${options.driver.name}`,
    concurrency: options.concurrency ?? 100,
    reconcile: (key, signal) =>
      key.startsWith(CREATE)
        ? reconcileProvision(all, key.slice(CREATE.length), signal)
        : key.startsWith(CLONING)
          ? reconcileCloningProtection(all, key.slice(CLONING.length), signal)
          : reconcileReclaim(all, key.slice(DELETE.length), signal),
    connect: (enqueue) => connect(all, enqueue),
  });
}

function connect(deps: ProvisionerDeps, enqueue: (key: string) => void): (() => void)[] {
  const { caches, informers } = deps;
  const waiting = (): void => {
    for (const claim of caches.claims.list()) {
      if ((claim.spec?.volumeName ?? '') === '') enqueue(CREATE + volumeNameOf(claim.metadata.uid));
    }
  };
  return [
    caches.claims.subscribe(({ object }) => {
      enqueue(CREATE + volumeNameOf(object.metadata.uid));
      for (const key of concernedBy(object)) enqueue(CLONING + key);
    }),
    caches.intents.subscribe(({ object }) => {
      if (object.metadata.namespace !== INTENT_NAMESPACE) return;
      enqueue(CREATE + object.metadata.name);
      const source = sourceOfIntent(object);
      if (source !== undefined) enqueue(CLONING + source);
    }),
    caches.volumes.subscribe(({ object }) => {
      enqueue(DELETE + object.metadata.name);
      if (object.metadata.name.startsWith('pvc-')) enqueue(CREATE + object.metadata.name);
    }),
    // A class or a node that arrives late is what a waiting claim waits for.
    caches.classes.subscribe(waiting),
    caches.csiNodes.subscribe(waiting),
    informers.informer(volumeAttachments).subscribe((event) => {
      const name = event.object.spec.source.persistentVolumeName;
      if (event.kind === 'deleted' && name !== undefined) enqueue(DELETE + name);
    }),
  ];
}
