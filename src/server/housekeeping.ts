// The server's background work: bookmarks for quiet watches, events that expire, history that is forgotten, definitions
// that end. Periodic loops; none of them holds anything up when one pass is slow.
import { isJsonObject, type JsonObject, type JsonValue } from '#api/json.ts';
import type { KindDefinition } from '#api/kind.ts';
import { sleep } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import { prefixEnd, type Store } from '#store/store.ts';
import { finishDefinitions, storeBuiltInDefinitions } from './definitions.ts';
import type { RegistryDeps } from './registry/deps.ts';
import { kindPrefix } from './registry/keys.ts';
import { metadataOf } from './registry/stored-form.ts';
import type { Service } from './service.ts';

const BOOKMARK_MS = 60_000;
const EXPIRY_MS = 60_000;
const DEFINITIONS_MS = 1_000;
const EVENT_TTL_MS = 3_600_000;
const COMPACTION_MS = 5 * 60_000;
/** Expired events deleted in one commit. */
const EXPIRY_BATCH = 100;

interface HousekeepingDeps {
  readonly log: Log;
  readonly registry: RegistryDeps;
  readonly builtIn: (plural: string) => KindDefinition | undefined;
}

export function housekeeping(deps: HousekeepingDeps): Service {
  const { registry, builtIn } = deps;
  const definitions = builtIn('customresourcedefinitions');
  return {
    name: 'api-server-housekeeping',
    run: async (signal) => {
      await Promise.all([
        every(deps, BOOKMARK_MS, signal, async () => registry.cache.bookmarkAll()),
        every(deps, EXPIRY_MS, signal, () => expireEvents({ ...registry, events: builtIn('events') })),
        every(deps, COMPACTION_MS, signal, compaction(registry.store)),
        every(deps, DEFINITIONS_MS, signal, definitionPass(registry, definitions)),
      ]);
    },
  };
}

async function every(
  { registry, log }: HousekeepingDeps,
  ms: number,
  signal: AbortSignal,
  pass: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(registry.clock, ms, 'periodic', signal);
    if (signal.aborted) return;
    try {
      await pass();
    } catch (error) {
      log.warn('a housekeeping pass failed; the next one tries again', { message: messageOf(error) });
    }
  }
}

/** The built-in definitions once; after that only those that are being deleted are looked at. */
function definitionPass(registry: RegistryDeps, definition: KindDefinition | undefined): () => Promise<void> {
  let isStored = false;
  return async () => {
    if (definition === undefined) return;
    if (!isStored) await storeBuiltInDefinitions(registry, definition);
    isStored = true;
    await finishDefinitions(registry, definition);
  };
}

/** Each pass forgets what was already there at the pass before: at least one interval of history stays. */
function compaction(store: Store): () => Promise<void> {
  let before: number | undefined;
  return async () => {
    const now = store.revision;
    if (before !== undefined && before > store.compactedTo) await store.compact(before);
    before = now;
  };
}

/** Deletes the events that nothing has touched for an hour. */
export async function expireEvents({
  clock,
  store,
  cache,
  events,
}: RegistryDeps & { readonly events: KindDefinition | undefined }): Promise<void> {
  if (events === undefined) return;
  await cache.fresh();
  const prefix = kindPrefix(events.resource);
  const expired = [...cache.kind(events).range(prefix, prefixEnd(prefix))].filter(
    ({ object }) => lastSeen(object) + EVENT_TTL_MS <= clock.now(),
  );
  for (let at = 0; at < expired.length; at += EXPIRY_BATCH) {
    const batch = expired.slice(at, at + EXPIRY_BATCH);
    // A conflict means that one of them was seen again: the next pass looks anew.
    await store.commit({
      compare: batch.map(({ key, revision }) => ({ key, modRevision: revision })),
      writes: batch.map(({ key }) => ({ kind: 'delete', key })),
    });
  }
}

/** The newest time an event names, epoch milliseconds. Pure. */
export function lastSeen(event: JsonObject): number {
  const series = isJsonObject(event.series) ? event.series.lastObservedTime : undefined;
  const times = [event.lastTimestamp, event.eventTime, series, metadataOf(event).creationTimestamp];
  return Math.max(0, ...times.map(parseTime));
}

function parseTime(value: JsonValue | undefined): number {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? 0 : time;
}
