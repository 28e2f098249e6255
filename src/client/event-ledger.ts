// Which Events have been told: equal ones within a while become one with a count. Pure state, bounded; the recorder
// carries out what it says.
import type { ApiObject } from '#api/object.ts';

export interface EventFacts {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly fieldPath?: string;
}

/** One Event object: what it says, how often it was told, and the name it is stored under once it was written. */
export interface LedgerEntry {
  readonly key: string;
  readonly about: ApiObject;
  readonly facts: EventFacts;
  readonly firstAt: number;
  lastAt: number;
  count: number;
  storedAs: string | undefined;
  writtenAt: number;
  isPending: boolean;
}

/** Equal events this far apart are two Events, as users expect of a new outbreak. */
const WINDOW_MS = 10 * 60_000;
const MAX_ENTRIES = 4096;

export class EventLedger {
  /** The most recently told last. */
  readonly #entries = new Map<string, LedgerEntry>();

  /** Counts an event in; `now` is wall-clock milliseconds. */
  tell(about: ApiObject, facts: EventFacts, now: number): LedgerEntry {
    const { type, reason, message, fieldPath = '' } = facts;
    const key = [about.metadata.uid ?? about.metadata.name, type, reason, message, fieldPath].join('\0');
    const known = this.#entries.get(key);
    const isFresh = known !== undefined && now - known.lastAt < WINDOW_MS;
    const entry = isFresh ? known : newEntry(key, about, facts, now);
    entry.count++;
    entry.lastAt = now;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#evict();
    return entry;
  }

  #evict(): void {
    if (this.#entries.size <= MAX_ENTRIES) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}

function newEntry(key: string, about: ApiObject, facts: EventFacts, now: number): LedgerEntry {
  return {
    key,
    about,
    facts,
    firstAt: now,
    lastAt: now,
    count: 0,
    storedAs: undefined,
    writtenAt: Number.NEGATIVE_INFINITY,
    isPending: false,
  };
}
