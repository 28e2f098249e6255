// One change of one object, as all its watchers share it: the frame bytes are made once per event and type.
import { watchFrame } from '#api/encode.ts';
import type { Revision } from '#store/store.ts';
import { atRevision, type StoredObject } from './stored-object.ts';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

export class CacheEvent {
  readonly revision: Revision;
  /** Undefined: the object was deleted. */
  readonly current: StoredObject | undefined;
  /** Undefined: the object was created. */
  readonly previous: StoredObject | undefined;
  #gone: StoredObject | undefined;
  #frames: Partial<Record<EventType, Uint8Array>> = {};

  constructor(revision: Revision, current: StoredObject | undefined, previous: StoredObject | undefined) {
    this.revision = revision;
    this.current = current;
    this.previous = previous;
  }

  /** What a watcher is told, whose selection the object was in before and is in after, or not. */
  seenBy(matches: (stored: StoredObject) => boolean): EventType | undefined {
    const before = this.previous !== undefined && matches(this.previous);
    const after = this.current !== undefined && matches(this.current);
    if (after) return before ? 'MODIFIED' : 'ADDED';
    return before ? 'DELETED' : undefined;
  }

  /** The object that an event of this type carries: for DELETED the last state seen, at this revision. */
  objectOf(type: EventType): StoredObject | undefined {
    if (type !== 'DELETED') return this.current;
    if (this.previous !== undefined) this.#gone ??= atRevision(this.previous, this.revision);
    return this.#gone;
  }

  /** The JSON frame, one buffer for all watchers. */
  frame(type: EventType): Uint8Array {
    const known = this.#frames[type];
    if (known !== undefined) return known;
    const object = this.objectOf(type);
    const made = watchFrame(type, object === undefined ? Buffer.from('null') : object.bytes);
    this.#frames[type] = made;
    return made;
  }
}
