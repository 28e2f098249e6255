// Keeps one informer equal to the server: first the whole state (a watch-list, or a list where the server has none),
// then every change, and again from where it was after the stream ended.
//
//   state ──▶ changes ──▶ (stream ended) ──▶ changes from the last revision
//     ▲                                         │
//     └───────────── 410: history is gone ◀─────┘
import { backoffMs, type BackoffLimits } from '#base/backoff.ts';
import { type Clock, sleep } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { Random } from '#base/random.ts';
import type { ApiObject, Stored } from '#api/object.ts';
import type { ApiClient, WatchEvent } from './api-client.ts';
import { ApiError, hasReason } from './api-error.ts';
import { keyOfStored } from './informer-cache.ts';
import { logLevelOf } from './retry-policy.ts';
import type { SharedInformer } from './shared-informer.ts';
import { Slices } from './slices.ts';

export interface FollowDeps {
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const RECONNECT: BackoffLimits = { firstMs: 100, maxMs: 30_000 };
/** The server ends a watch after 5 to 10 minutes, so that load spreads again after a restart of one of several. */
const WATCH_SECONDS = 300;
/** A stream that outlives what it was asked for is silently dead. */
const WATCH_GRACE_MS = 30_000;
/** A server that knows no watch-list ignores the parameter and never says that the state is complete. */
const INITIAL_STATE_MS = 60_000;
/** Changes taken in one turn: one a turn would leave the cache far behind a burst of writes. */
const SLICE_MS = 0.5;

/** Follows until `signal` aborts. Never rejects: whatever goes wrong is logged and tried again with back-off. */
export async function followResource<T extends ApiObject>(
  informer: SharedInformer<T>,
  deps: FollowDeps,
  signal: AbortSignal,
): Promise<void> {
  await new ResourceFollower(informer, deps).run(signal);
}

class ResourceFollower<T extends ApiObject> {
  readonly #informer: SharedInformer<T>;
  readonly #deps: FollowDeps;
  #hasState = false;
  #canWatchList = true;
  readonly #slices: Slices;
  #failures = 0;

  constructor(informer: SharedInformer<T>, deps: FollowDeps) {
    this.#informer = informer;
    this.#deps = deps;
    this.#slices = new Slices(deps.clock, 'news', SLICE_MS);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedAt = this.#deps.clock.elapsed();
      try {
        await this.#once(signal);
        // A stream that ends at once is as good as a failure: without a pause it would spin.
        if (this.#deps.clock.elapsed() - startedAt >= RECONNECT.firstMs) continue;
        this.#failures++;
      } catch (error) {
        if (signal.aborted) return;
        if (this.#adapt(error)) continue;
        this.#failures++;
        this.#logFailure(error);
      }
      const delay = backoffMs(this.#failures, RECONNECT, this.#deps.random);
      await sleep(this.#deps.clock, delay, 'backoff', signal);
    }
  }

  async #once(signal: AbortSignal): Promise<void> {
    if (!this.#hasState && !this.#canWatchList) await this.#list(signal);
    await this.#watch(signal);
  }

  /** True when the failure is answered by going another way, at once. */
  #adapt(error: unknown): boolean {
    if (this.#hasState && hasReason(error, 'Expired', 'Gone')) {
      this.#hasState = false;
      return true;
    }
    const isRefused = error instanceof ApiError && (error.status === 400 || error.status === 422);
    if (!this.#hasState && this.#canWatchList && (isRefused || error instanceof NoStateError)) {
      this.#canWatchList = false;
      return true;
    }
    return false;
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { items, resourceVersion } = await this.#deps.api.list(this.#informer.type, {}, signal);
    await this.#replace(new Map(items.map((item) => [keyOfStored(item), item])), resourceVersion);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { api, clock, random } = this.#deps;
    const timeoutSeconds = Math.round(WATCH_SECONDS * (1 + random.fraction()));
    const limit = new AbortController();
    const timers = [
      clock.after(timeoutSeconds * 1000 + WATCH_GRACE_MS, 'periodic', () => limit.abort()),
      ...(this.#hasState
        ? []
        : [clock.after(INITIAL_STATE_MS, 'deadline', () => this.#hasState || limit.abort())]),
    ];
    const query = this.#hasState
      ? { resourceVersion: String(this.#informer.revision) }
      : { sendInitialEvents: true };
    const collected = this.#hasState ? undefined : new Map<string, Stored<T>>();
    try {
      const until = AbortSignal.any([signal, limit.signal]);
      for await (const event of api.watch(this.#informer.type, { ...query, timeoutSeconds }, until)) {
        const slice = this.#slices.next();
        if (slice !== undefined) await slice;
        if (!this.#hasState && collected !== undefined) await this.#collect(event, collected);
        else this.#take(event);
        if (this.#hasState) timers[1]?.cancel();
      }
    } finally {
      for (const timer of timers) timer.cancel();
    }
    if (!this.#hasState && limit.signal.aborted) throw new NoStateError(this.#informer.type.plural);
  }

  #take(event: WatchEvent<T>): void {
    this.#failures = 0;
    if (event.type === 'BOOKMARK') this.#informer.advance(Number(event.resourceVersion));
    else if (event.type === 'DELETED') this.#informer.remove(event.object);
    else this.#informer.put(event.object);
  }

  async #collect(event: WatchEvent<T>, collected: Map<string, Stored<T>>): Promise<void> {
    if (event.type === 'BOOKMARK') {
      if (event.initialEventsEnd) await this.#replace(collected, event.resourceVersion);
    } else if (event.type === 'DELETED') {
      collected.delete(keyOfStored(event.object));
    } else {
      collected.set(keyOfStored(event.object), event.object);
    }
  }

  async #replace(objects: ReadonlyMap<string, Stored<T>>, resourceVersion: string): Promise<void> {
    const revision = Number(resourceVersion);
    if (!Number.isSafeInteger(revision)) throw new StaleStateError(`resourceVersion "${resourceVersion}"`);
    if (revision < this.#informer.revision) {
      throw new StaleStateError(`revision ${revision}, below the ${this.#informer.revision} seen before`);
    }
    await this.#informer.replace(objects, revision, this.#slices);
    this.#hasState = true;
    this.#failures = 0;
  }

  #logFailure(error: unknown): void {
    const delayMs = backoffMs(this.#failures, RECONNECT, { fraction: () => 0.5, uuid: () => '' });
    this.#deps.log[logLevelOf(delayMs)]('following a resource failed, it is tried again', {
      type: this.#informer.type.plural,
      failures: this.#failures,
      error: messageOf(error).slice(0, 1000),
    });
  }
}

class NoStateError extends Error {
  constructor(plural: string) {
    super(
      `Watching ${plural}: the server did not say within ${INITIAL_STATE_MS} ms that its state is complete`,
    );
  }
}

/** A server that answers with an older state than was seen must not turn the cache back: it may catch up. */
class StaleStateError extends Error {
  constructor(what: string) {
    super(`The server answered with the state at ${what}`);
  }
}
