// The body of a watch: the state it begins with, then events and bookmarks until the client goes, the time is up or
// the reader has fallen too far behind. Its pace is the reader's: the next frame is made when it is asked for.
import { expired, type StatusError, tooLargeResourceVersion, tooManyRequests } from '#api/status.ts';
import type { Clock } from '#base/clock.ts';
import type { Random } from '#base/random.ts';
import { prefixEnd } from '#store/store.ts';
import { kindPrefix } from './registry/keys.ts';
import type { WatchPlan } from './registry/list-options.ts';
import { type RenderOptions, renderBookmark, renderError, renderEvent, renderFrame } from './render.ts';
import type { KindCache } from './watch-cache/kind-cache.ts';
import type { ObjectSelector } from './watch-cache/object-selector.ts';
import type { StoredObject } from './watch-cache/stored-object.ts';
import type { WatchCache } from './watch-cache/watch-cache.ts';
import type { Watcher } from './watch-cache/watcher.ts';

/** A watch without timeoutSeconds lives one to two times this long, so that clients do not come back all at once. */
const LIFETIME_MS = 30 * 60_000;
/** The last bookmark comes this long before the end. */
const FAREWELL_MS = 2_000;

interface WatchDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly cache: WatchCache;
}

interface WatchRequest {
  readonly plan: WatchPlan;
  readonly selector: ObjectSelector;
  /** Made anew for each frame, since ages move. */
  readonly render: () => RenderOptions;
  readonly signal: AbortSignal;
}

/** Starts a watch. Throws 504 for a revision that does not come, 429 when the kind has too many watchers. */
export async function openWatch(deps: WatchDeps, request: WatchRequest): Promise<AsyncIterable<Uint8Array>> {
  const { plan, selector } = request;
  const { definition } = request.render();
  await deps.cache.fresh();
  if (!(await deps.cache.reach(plan.revision))) {
    throw tooLargeResourceVersion(plan.revision, deps.cache.revision);
  }
  // From here to the snapshot nothing is awaited: state and changes meet at one revision.
  const kind = deps.cache.kind(definition);
  const after = plan.from === 'after' ? plan.revision : undefined;
  const watcher = kind.watch(selector, { bookmarks: plan.bookmarks, after });
  if (watcher === 'too-many') throw tooManyRequests(`too many watches of ${definition.resource.plural}`);
  if (watcher === 'too-old') return errorStream(tooOld(plan.revision, kind.oldest), request.render());
  const release = limitLifetime(deps, request, () => kind.stop(watcher), watcher);
  const state = plan.from === 'state' ? snapshot(kind, request) : [];
  return frames(request, { watcher, release, state, revision: deps.cache.revision });
}

function tooOld(revision: number, oldest: number): StatusError {
  return expired(`too old resource version: ${revision} (${oldest})`);
}

/** The form in which the cache path of Kubernetes says 410: status 200, and an ERROR as the only event. */
async function* errorStream(error: StatusError, options: RenderOptions): AsyncGenerator<Uint8Array> {
  yield renderError(error.toStatus(), options);
}

function snapshot(kind: KindCache, { selector, render }: WatchRequest): StoredObject[] {
  const prefix = kindPrefix(render().definition.resource, selector.namespace);
  return [...kind.range(prefix, prefixEnd(prefix))].filter((stored) => selector.matches(stored));
}

interface Started {
  readonly watcher: Watcher;
  readonly release: () => void;
  readonly state: readonly StoredObject[];
  readonly revision: number;
}

async function* frames(
  { plan, render, signal }: WatchRequest,
  { watcher, release, state, revision }: Started,
): AsyncGenerator<Uint8Array> {
  try {
    for (const stored of state) {
      if (signal.aborted) return;
      yield renderFrame('ADDED', stored, render());
    }
    if (plan.initialEventsEnd) yield renderBookmark(revision, true, render());
    for (let item = await watcher.next(); item !== undefined; item = await watcher.next()) {
      yield item.kind === 'event'
        ? renderEvent(item.type, item.event, render())
        : renderBookmark(item.revision, false, render());
    }
  } finally {
    release();
  }
}

/**
 * Stops the watcher with its client or its time, also when nobody ever reads the stream; a bookmark goes out shortly
 * before the latter. Returns what ends it now.
 */
function limitLifetime(
  deps: WatchDeps,
  { plan, signal }: WatchRequest,
  stop: () => void,
  watcher: Watcher,
): () => void {
  const seconds = plan.timeoutSeconds ?? 0;
  const lifetime = seconds > 0 ? seconds * 1000 : LIFETIME_MS * (1 + deps.random.fraction());
  const farewell = (): void => watcher.bookmark(deps.cache.revision);
  const release = (): void => {
    stop();
    for (const timer of timers) timer.cancel();
    signal.removeEventListener('abort', release);
  };
  // Periodic: clients begin the watch again, for ever.
  const timers = [
    deps.clock.after(lifetime, 'periodic', release),
    deps.clock.after(Math.max(0, lifetime - FAREWELL_MS), 'periodic', farewell),
  ];
  signal.addEventListener('abort', release, { once: true });
  if (signal.aborted) release();
  return release;
}
