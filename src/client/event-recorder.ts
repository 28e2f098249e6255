// Writes Events about objects: in the background, one at a time, bounded and best effort. A loop never waits for it and
// never fails because of it.
import { backoffMs } from '#base/backoff.ts';
import { type Clock, formatTime, sleep } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { Random } from '#base/random.ts';
import type { Event } from '#api/generated/core-v1.ts';
import type { ApiObject } from '#api/object.ts';
import { events as eventsType } from '#api/resources.ts';
import type { ApiClient } from './api-client.ts';
import { ApiError, hasReason } from './api-error.ts';
import { type EventFacts, EventLedger, type LedgerEntry } from './event-ledger.ts';
import type { EventRecorder } from './events.ts';
import type { Service } from './loop.ts';

export interface EventRecorderDeps {
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Who tells: `persistentvolume-controller`. */
  readonly component: string;
  /** The node it runs on, for parts that belong to one. */
  readonly host?: string;
}

const MAX_PENDING = 1000;
/** Kubernetes refuses longer messages. */
const MAX_MESSAGE = 1024;
/** A count that rises is written at most this often. */
const REPEAT_MS = 1000;
const ATTEMPTS = 3;

/** `record` may be called before `run`; what is told is written once it runs. */
export function createEventRecorder(deps: EventRecorderDeps): EventRecorder & Service {
  return new BackgroundRecorder(deps);
}

class BackgroundRecorder implements EventRecorder, Service {
  readonly name = 'event-recorder';
  readonly #deps: EventRecorderDeps;
  readonly #ledger = new EventLedger();
  readonly #queue: LedgerEntry[] = [];
  #waiting = 0;
  #wake: (() => void) | undefined;

  constructor(deps: EventRecorderDeps) {
    this.#deps = deps;
  }

  record(about: ApiObject, facts: EventFacts): void {
    const { clock, log } = this.#deps;
    const entry = this.#ledger.tell(
      about,
      { ...facts, message: facts.message.slice(0, MAX_MESSAGE) },
      clock.now(),
    );
    if (entry.isPending) return;
    if (this.#queue.length + this.#waiting >= MAX_PENDING) {
      log.debug('an event was dropped: too many wait to be written', { reason: facts.reason });
      return;
    }
    entry.isPending = true;
    const waitMs = entry.writtenAt + REPEAT_MS - clock.elapsed();
    if (waitMs > 0) this.#later(entry, waitMs);
    else this.#push(entry);
  }

  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#wake?.();
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted) {
      const entry = this.#queue.shift();
      if (entry === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else await this.#write(entry, signal);
    }
  }

  #later(entry: LedgerEntry, waitMs: number): void {
    this.#waiting++;
    this.#deps.clock.after(waitMs, 'periodic', () => {
      this.#waiting--;
      this.#push(entry);
    });
  }

  #push(entry: LedgerEntry): void {
    this.#queue.push(entry);
    this.#wake?.();
  }

  async #write(entry: LedgerEntry, signal: AbortSignal): Promise<void> {
    entry.isPending = false;
    for (let attempt = 1; attempt <= ATTEMPTS && !signal.aborted; attempt++) {
      try {
        await this.#store(entry, signal);
        entry.writtenAt = this.#deps.clock.elapsed();
        return;
      } catch (error) {
        if (attempt === ATTEMPTS || !mayPass(error)) {
          this.#deps.log.debug('an event could not be written', {
            reason: entry.facts.reason,
            error: messageOf(error),
          });
          return;
        }
        const delay = backoffMs(attempt, { firstMs: 100, maxMs: 1000 }, this.#deps.random);
        await sleep(this.#deps.clock, delay, 'backoff', signal);
      }
    }
  }

  async #store(entry: LedgerEntry, signal: AbortSignal): Promise<void> {
    const { api } = this.#deps;
    const namespace = namespaceOf(entry.about);
    if (entry.storedAs !== undefined) {
      const patch = { count: entry.count, lastTimestamp: formatTime(entry.lastAt) };
      try {
        await api.patch(eventsType, { namespace, name: entry.storedAs }, { type: 'merge', patch }, signal);
        return;
      } catch (error) {
        // OBSERVED: the Event has expired. It is written anew, with the count so far.
        if (!hasReason(error, 'NotFound')) throw error;
      }
    }
    const event = this.#eventOf(entry, namespace);
    await api.create(eventsType, event, signal);
    entry.storedAs = event.metadata.name;
  }

  #eventOf(entry: LedgerEntry, namespace: string): Event & ApiObject & { metadata: { name: string } } {
    const { about } = entry;
    const { fieldPath, ...facts } = entry.facts;
    const { component, host, random } = this.#deps;
    const { name = '', uid, resourceVersion } = about.metadata;
    const suffix = random.uuid().replaceAll('-', '').slice(0, 16);
    return {
      metadata: { name: `${name.slice(0, 230)}.${suffix}`, namespace },
      involvedObject: {
        apiVersion: about.apiVersion,
        kind: about.kind,
        namespace: about.metadata.namespace,
        name,
        uid,
        resourceVersion,
        ...(fieldPath === undefined ? {} : { fieldPath }),
      },
      ...facts,
      source: host === undefined ? { component } : { component, host },
      firstTimestamp: formatTime(entry.firstAt),
      lastTimestamp: formatTime(entry.lastAt),
      count: entry.count,
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }
}

/** Events about cluster-scoped objects live in `default`, as kubectl looks for them there. */
function namespaceOf(about: ApiObject): string {
  const { namespace } = about.metadata;
  return namespace === undefined || namespace === '' ? 'default' : namespace;
}

function mayPass(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500);
}
