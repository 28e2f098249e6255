// Capacity tracking of one driver: keeps CSIStorageCapacity objects for the scheduler (PRV75 to PRV79). Asks again
// every minute, and as soon as one of the driver's volumes was made or has gone.
import type { CSIStorageCapacity, StorageClass } from '#api/generated/storage-v1.ts';
import type { Node, PersistentVolume } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import {
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  nodes,
  persistentVolumes,
  storageClasses,
} from '#api/resources.ts';
import type { InformerEvent } from '#client/informer.ts';
import type { LoopDeps, Service } from '#client/loop.ts';
import { runLoop } from '#client/run-loop.ts';
import type { Driver } from '#csi/driver.ts';
import { INTENT_NAMESPACE } from '../intent.ts';
import { isCurrent } from './decide.ts';
import { type CapacityDeps, reconcileCapacity } from './reconcile.ts';
import {
  capacityName,
  DRIVER_LABEL,
  MANAGER_LABEL,
  type WantedCapacity,
  type WantedObjects,
  wantedCapacities,
} from './wanted.ts';

const POLL_MS = 60_000;
const MANAGER = 'external-provisioner';
/** The key under which everything is looked at once more; no object has this name. */
const REFRESH = '@';

export interface CapacityLoopOptions {
  readonly driver: Driver;
  readonly callTimeoutMs?: number;
  readonly pollMs?: number;
  readonly forImmediateBinding?: boolean;
  /** In distributed mode: only this node's segment is published (PRV79). */
  readonly nodeName?: string;
}

/** The capacity loop of one driver; of one that cannot tell its capacity, it takes away what an older one left. */
export function capacityLoop(deps: LoopDeps, options: CapacityLoopOptions): Service {
  const { driver, nodeName } = options;
  const world = watched(deps, options);
  const all: CapacityDeps = {
    ...deps,
    driver,
    callTimeoutMs: options.callTimeoutMs ?? 15_000,
    pollMs: options.pollMs ?? POLL_MS,
    manager: nodeName === undefined ? MANAGER : `${MANAGER}-${nodeName}`,
    stored: deps.informers.informer(csiStorageCapacities),
    asked: new Map(),
    answers: new Map(),
    wanted: world.wanted,
  };
  let wake: (key: string) => void = () => undefined;
  return runLoop(deps, {
    name: `capacity-${driver.name}`,
    concurrency: 10,
    reconcile: async (key, signal) => {
      if (key !== REFRESH) return reconcileCapacity(all, key, signal);
      world.refresh(wake);
      return { kind: 'settled' };
    },
    connect: (enqueue) => {
      wake = enqueue;
      return [
        all.stored.subscribe(({ kind, object }) => {
          const answer = all.answers.get(object.metadata.name);
          const isOwnWrite = kind !== 'deleted' && answer !== undefined && isCurrent(object, answer);
          if (isOurs(object, all) && !isOwnWrite) enqueue(object.metadata.name);
        }),
        ...world.connect(enqueue),
      ];
    },
  });
}

function isOurs({ metadata }: CSIStorageCapacity, { driver, manager }: CapacityDeps): boolean {
  const { labels, namespace } = metadata;
  return (
    namespace === INTENT_NAMESPACE &&
    labels?.[DRIVER_LABEL] === driver.name &&
    labels[MANAGER_LABEL] === manager
  );
}

/** What should be there, computed again only after something that counts has changed. */
function watched({ informers }: LoopDeps, options: CapacityLoopOptions) {
  const { driver, nodeName, forImmediateBinding = false } = options;
  const drivers = informers.informer(csiDrivers);
  const classes = informers.informer(storageClasses);
  const nodeCache = informers.informer(nodes);
  const csiNodeCache = informers.informer(csiNodes);
  const volumes = informers.informer(persistentVolumes);
  let memo: WantedObjects = { owner: undefined, byName: new Map() };
  let isStale = true;

  const look = (): WantedObjects => {
    const places = [...nodeCache.list()].flatMap((node) => {
      if (nodeName !== undefined && node.metadata.name !== nodeName) return [];
      const csiNode = csiNodeCache.get(node.metadata.name);
      return csiNode === undefined ? [] : [{ node, csiNode }];
    });
    const canTell = driver.controllerCapabilities.has('GET_CAPACITY');
    const owner = canTell ? drivers.get(driver.name) : undefined; // PRV76
    return { owner, byName: wantedCapacities(owner, classes.list(), places, { forImmediateBinding }) };
  };
  const wanted = (): WantedObjects => {
    if (isStale) memo = look();
    isStale = false;
    return memo;
  };
  /** One look for any number of events: what is new and what has gone; the rest keeps its minute. */
  const refresh = (enqueue: (key: string) => void): void => {
    const before = memo.byName;
    const { byName } = wanted();
    for (const name of byName.keys()) if (!before.has(name)) enqueue(name);
    for (const name of before.keys()) if (!byName.has(name)) enqueue(name);
  };
  const connect = (enqueue: (key: string) => void): (() => void)[] => {
    const changed = (): void => {
      isStale = true;
      enqueue(REFRESH);
    };
    return [
      drivers.subscribe(({ object }) => object.metadata.name === driver.name && changed()),
      classes.subscribe(({ object }) => object.provisioner === driver.name && changed()),
      csiNodeCache.subscribe(changed),
      nodeCache.subscribe((event) => hasOtherLabels(event) && changed()),
      volumes.subscribe((event) => {
        if (event.kind === 'updated' || event.object.spec?.csi?.driver !== driver.name) return;
        const { byName } = wanted();
        for (const name of touched(driver.name, event.object, classes.list(), byName)) enqueue(name);
      }),
    ];
  };
  return { wanted, refresh, connect };
}

function hasOtherLabels(event: InformerEvent<Node>): boolean {
  if (event.kind !== 'updated') return true;
  return JSON.stringify(event.object.metadata.labels) !== JSON.stringify(event.previous.metadata.labels);
}

/** The objects whose numbers a volume changes by coming or going: those of its own segments, of every class. */
function touched(
  driver: string,
  volume: PersistentVolume,
  classes: Iterable<Stored<StorageClass>>,
  byName: ReadonlyMap<string, WantedCapacity>,
): readonly string[] {
  const terms = volume.spec?.nodeAffinity?.required?.nodeSelectorTerms;
  if (terms === undefined) return [...byName.keys()];
  const segments = terms.map(({ matchExpressions = [] }) =>
    Object.fromEntries(matchExpressions.map(({ key, values }) => [key, values?.[0] ?? ''])),
  );
  const names = [...classes].flatMap(({ metadata }) =>
    segments.map((place) => capacityName(driver, metadata.name, place)),
  );
  return names.filter((name) => byName.has(name));
}
