// Volumes that a driver has and that no PersistentVolume and no provisioning intent knows (PRV85 to PRV88 of the provisioner). Only looks:
// deleting one is a decision that this program leaves to a person.
// Rules PRV86 and PRV87 are carried out here too.
import { configMaps, persistentVolumes } from '#api/resources.ts';
import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { ApiClient } from '#client/api-client.ts';
import type { CsiConnection } from '#csi/client.ts';
import { type Driver, introduceDriver } from '#csi/driver.ts';
import type { ListVolumesResponseEntry } from '#csi/generated/csi.ts';
import { listAllVolumes } from '#csi/list-volumes.ts';
import { decodeIntent, INTENT_NAMESPACE } from '#sidecars/provisioner/intent.ts';

export interface OrphanedVolume {
  readonly volumeId: string;
  /** 0: the driver does not say. */
  readonly capacityBytes: string;
  readonly publishedNodeIds: readonly string[];
}

export interface OrphanReport {
  readonly driver: string;
  /** Volumes that the driver has in all. */
  readonly listed: number;
  readonly orphaned: readonly OrphanedVolume[];
  /**
   * Intents whose volume may exist without anyone knowing its ID yet: one of `orphaned` may be theirs, and the
   * provisioner will find it by calling again.
   */
  readonly openIntents: readonly string[];
}

export type OrphanResult =
  | { readonly kind: 'report'; readonly report: OrphanReport }
  | { readonly kind: 'refused'; readonly because: string };

// Long enough for a driver that is just starting; a wrong socket is told of before anyone loses patience.
const INTRODUCE_MS = 5000;

/** Asks the driver before and after the API: what is made or deleted meanwhile is no orphan. */
export async function findOrphanedVolumes(
  api: Pick<ApiClient, 'list'>,
  connection: CsiConnection,
  deps: { readonly clock: Clock; readonly log: Log; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<OrphanResult> {
  const driver = await introduce(connection, deps, signal);
  if (driver === undefined) return { kind: 'refused', because: 'the driver does not answer' };
  if (!driver.controllerCapabilities.has('LIST_VOLUMES')) {
    return { kind: 'refused', because: `driver "${driver.name}" cannot list its volumes (LIST_VOLUMES)` };
  }
  const options = { timeoutMs: deps.timeoutMs, signal };
  const before = await listAllVolumes(connection.controller, options);
  const known = await knownHandles(api, driver, signal);
  const after = await listAllVolumes(connection.controller, options);
  const orphaned = [...after]
    .filter(([id]) => before.has(id) && !known.handles.has(id))
    .map(([id, entry]) => orphanOf(id, entry))
    .sort((a, b) => (a.volumeId < b.volumeId ? -1 : 1));
  return {
    kind: 'report',
    report: { driver: driver.name, listed: after.size, orphaned, openIntents: known.openIntents },
  };
}

async function introduce(
  connection: CsiConnection,
  deps: { readonly clock: Clock; readonly log: Log; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<Driver | undefined> {
  const limit = new AbortController();
  const timer = deps.clock.after(INTRODUCE_MS, 'deadline', () => limit.abort());
  try {
    return await introduceDriver(
      connection,
      { ...deps, retryMs: 100 },
      AbortSignal.any([signal, limit.signal]),
    );
  } finally {
    timer.cancel();
  }
}

/** Intents first: the provisioner makes the PersistentVolume before it deletes the intent. */
async function knownHandles(
  api: Pick<ApiClient, 'list'>,
  driver: Driver,
  signal: AbortSignal,
): Promise<{ readonly handles: ReadonlySet<string>; readonly openIntents: readonly string[] }> {
  const { items: maps } = await api.list(configMaps, { namespace: INTENT_NAMESPACE }, signal);
  const intents = maps.flatMap((map) => decodeIntent(map) ?? []).filter((one) => one.driver === driver.name);
  const { items: volumes } = await api.list(persistentVolumes, {}, signal);
  const handles = new Set(
    volumes.flatMap(({ spec }) => (spec?.csi?.driver === driver.name ? [spec.csi.volumeHandle] : [])),
  );
  const named = new Set(volumes.map(({ metadata }) => metadata.name));
  for (const { handle } of intents) if (handle !== '') handles.add(handle);
  const openIntents = intents.filter(({ handle, name }) => handle === '' && !named.has(name));
  return { handles, openIntents: openIntents.map(({ name }) => name).sort() };
}

function orphanOf(volumeId: string, { volume, status }: ListVolumesResponseEntry): OrphanedVolume {
  return {
    volumeId,
    capacityBytes: volume?.capacityBytes ?? '0',
    publishedNodeIds: status?.publishedNodeIds ?? [],
  };
}
