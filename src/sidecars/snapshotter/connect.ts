// Connects contents to keys: each is its own key, and a volume's intent that ends may free a snapshot to be deleted.
import { configMaps, volumeGroupSnapshotContents, volumeSnapshotContents } from '#api/resources.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import type { Driver } from '#csi/driver.ts';
import { CONTENT_SOURCE_LABEL } from '#rules/content-source.ts';
import type { SnapshotterDeps } from './deps.ts';
import { groupKind } from './group-kind.ts';
import { reconcileContent } from './reconcile.ts';
import { snapshotKind } from './snapshot-kind.ts';

const CONTENT = 'content/';
const GROUP = 'group/';

export interface SnapshotterOptions {
  readonly driver: Driver;
  readonly callTimeoutMs?: number;
  readonly concurrency?: number;
  readonly extraCreateMetadata?: boolean;
}

/** The snapshotter of one driver; it does nothing for a driver without snapshots (SNS1). */
export function snapshotterLoop(deps: LoopDeps, options: SnapshotterOptions): Service {
  const { driver } = options;
  const hasSnapshots = driver.controllerCapabilities.has('CREATE_DELETE_SNAPSHOT');
  const hasGroups = driver.groupCapabilities?.has('CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT') === true;
  const name = `snapshotter-${driver.name}`;
  if (!hasSnapshots) return { name, run: untilAborted };
  const { informers } = deps;
  const all: SnapshotterDeps = {
    ...deps,
    driver,
    live: deps.api,
    callTimeoutMs: options.callTimeoutMs ?? 60_000,
    extraCreateMetadata: options.extraCreateMetadata ?? false,
    answered: new Set(),
    caches: {
      contents: informers.informer(volumeSnapshotContents),
      groupContents: informers.informer(volumeGroupSnapshotContents),
    },
  };
  return runLoop(deps, {
    name,
    concurrency: options.concurrency ?? 10,
    reconcile: (key, signal) =>
      key.startsWith(CONTENT)
        ? reconcileContent(all, snapshotKind, key.slice(CONTENT.length), signal)
        : reconcileContent(all, groupKind, key.slice(GROUP.length), signal),
    connect: (enqueue) => [
      all.caches.contents.subscribe(({ object }) => enqueue(CONTENT + object.metadata.name)),
      ...(hasGroups
        ? [all.caches.groupContents.subscribe(({ object }) => enqueue(GROUP + object.metadata.name))]
        : []),
      informers.informer(configMaps).subscribe(({ kind, object }) => {
        if (kind !== 'deleted' || object.metadata.labels?.[CONTENT_SOURCE_LABEL] === undefined) return;
        for (const content of all.caches.contents.list()) {
          if (content.metadata.deletionTimestamp !== undefined) enqueue(CONTENT + content.metadata.name);
        }
      }),
    ],
  });
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
