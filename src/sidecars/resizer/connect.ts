// Connects informers to keys: a claim to its size and to its class, and the news of its volume, pods, attachments and
// class to both. Size and class are keys of their own, so that one that fails does not hold up the other.
import {
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
  volumeAttributesClasses,
} from '#api/resources.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import { keyOf, type Stored } from '#api/object.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import type { Driver } from '#csi/driver.ts';
import { claimKeysOfPod } from '#rules/pod-volumes.ts';
import { PRE_RESIZE_CAPACITY } from '#rules/well-known.ts';
import { BY_CLAIM, BY_VOLUME, type ResizerDeps } from './deps.ts';
import { reconcileExpansion } from './expand.ts';
import { reconcileModify } from './modify.ts';

const SIZE = 'size/';
const CLASS = 'class/';

/** The resizer of one driver. */
export function resizerLoop(
  deps: LoopDeps,
  options: {
    readonly driver: Driver;
    readonly callTimeoutMs?: number;
    readonly concurrency?: number;
    readonly hasExtraMetadata?: boolean;
  },
): Service {
  const { informers } = deps;
  const all: ResizerDeps = {
    ...deps,
    driver: options.driver,
    callTimeoutMs: options.callTimeoutMs ?? 15_000,
    hasExtraMetadata: options.hasExtraMetadata ?? false,
    refusedSizes: new Map(),
    refusedClasses: new Map(),
    inUseAnswers: new Set(),
    caches: {
      claims: informers.informer(persistentVolumeClaims, {
        [BY_VOLUME]: (claim) => [claim.spec?.volumeName ?? ''],
      }),
      volumes: informers.informer(persistentVolumes),
      pods: informers.informer(pods, { [BY_CLAIM]: claimKeysOfPod }),
      attachments: informers.informer(volumeAttachments, {
        [BY_VOLUME]: (a) => [a.spec.source.persistentVolumeName ?? ''],
      }),
      nodes: informers.informer(nodes),
      classes: informers.informer(volumeAttributesClasses),
    },
  };
  return runLoop(deps, {
    name: `resizer-${options.driver.name}`,
    concurrency: options.concurrency ?? 10,
    reconcile: (key, signal) =>
      key.startsWith(SIZE)
        ? reconcileExpansion(all, key.slice(SIZE.length), signal)
        : reconcileModify(all, key.slice(CLASS.length), signal),
    connect: (enqueue) => connect(all, enqueue),
  });
}

function connect(deps: ResizerDeps, enqueue: (key: string) => void): (() => void)[] {
  const { caches } = deps;
  const claimsOf = (volume: string): readonly Stored<PersistentVolumeClaim>[] =>
    caches.claims.byIndex(BY_VOLUME, volume);
  const look = (claim: Stored<PersistentVolumeClaim>): void => {
    const volume = caches.volumes.get(claim.spec?.volumeName ?? '');
    if (volume?.spec?.csi?.driver !== deps.driver.name) return;
    if (concernsSize(claim, volume)) enqueue(SIZE + keyOf(claim));
    if (concernsClass(claim)) enqueue(CLASS + keyOf(claim));
  };
  return [
    caches.claims.subscribe(({ kind, object }) => {
      if (kind === 'deleted') forget(deps, object.metadata.uid);
      else look(object);
    }),
    caches.volumes.subscribe(({ object }) => claimsOf(object.metadata.name).forEach(look)),
    // The end of a use is what a claim of an offline driver waits for (RSZ8).
    caches.pods.subscribe(({ object }) => {
      for (const key of claimKeysOfPod(object)) if (isWaiting(deps, key)) enqueue(SIZE + key);
    }),
    caches.attachments.subscribe(({ kind, object }) => {
      if (kind !== 'deleted') return;
      claimsOf(object.spec.source.persistentVolumeName ?? '').forEach(look);
    }),
    caches.classes.subscribe(({ object }) => {
      for (const claim of caches.claims.list()) {
        const names = [
          claim.spec?.volumeAttributesClassName,
          claim.status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
        ];
        if (names.includes(object.metadata.name)) enqueue(CLASS + keyOf(claim));
      }
    }),
  ];
}

/** Most claims have what they ask for: those do not even become keys. */
function concernsSize({ spec, status }: PersistentVolumeClaim, volume: PersistentVolume): boolean {
  const hasNote = volume.metadata.annotations?.[PRE_RESIZE_CAPACITY] !== undefined;
  return hasNote || spec?.resources?.requests?.storage !== status?.capacity?.storage;
}

function concernsClass({ spec, status }: PersistentVolumeClaim): boolean {
  return spec?.volumeAttributesClassName !== undefined || status?.modifyVolumeStatus !== undefined;
}

function isWaiting({ driver, inUseAnswers, caches }: ResizerDeps, key: string): boolean {
  const uid = caches.claims.get(key)?.metadata.uid;
  return driver.volumeExpansion === 'OFFLINE' || (uid !== undefined && inUseAnswers.has(uid));
}

function forget(deps: ResizerDeps, uid: string): void {
  deps.refusedSizes.delete(uid);
  deps.refusedClasses.delete(uid);
  deps.inUseAnswers.delete(uid);
}
