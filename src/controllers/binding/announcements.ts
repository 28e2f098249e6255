// Says each thing once: news about an object is recorded when it changes, so that a quiet world writes no events
// (law 10). Forgotten when the object stops waiting; a restart says it once more.
import type { ApiObject } from '#api/object.ts';
import type { EventRecorder } from '#client/events.ts';
import type { News } from './steps.ts';

export class Announcements {
  readonly #events: EventRecorder;
  readonly #last = new Map<string, string>();

  constructor(events: EventRecorder) {
    this.#events = events;
  }

  /** Records `news` about `object` unless it was the last thing said about `key`. */
  tell(key: string, object: ApiObject, news: News): void {
    const said = `${object.metadata.uid ?? ''} ${news.reason} ${news.message}`;
    if (this.#last.get(key) === said) return;
    this.#last.set(key, said);
    this.#events.record(object, news);
  }

  forget(key: string): void {
    this.#last.delete(key);
  }
}
