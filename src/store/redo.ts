// Rebuilds the batches of changes from an undo log: walking back from the newest, each change says what was there
// before it, which is what the change before it on that key had written. Pure.
import { assert } from '#base/assert.ts';
import type { StoredChange } from './record-format.ts';
import type { ChangeBatch, ChangeEvent, KeyValue, Revision } from './store.ts';

export interface LoggedChange extends StoredChange {
  readonly revision: Revision;
}

/** The batches in revision order. `log` is oldest first; `head` is what each key holds after all of it. */
export function batchesOf(
  log: readonly LoggedChange[],
  head: (key: string) => KeyValue | undefined,
): readonly ChangeBatch[] {
  const later = new Map<string, KeyValue | undefined>();
  const batches: { revision: Revision; events: ChangeEvent[] }[] = [];
  for (const change of log.toReversed()) {
    const after = later.has(change.key) ? later.get(change.key) : head(change.key);
    const event = eventOf(change, after);
    later.set(change.key, change.previous);
    const newest = batches.at(-1);
    if (newest?.revision === change.revision) newest.events.push(event);
    else batches.push({ revision: change.revision, events: [event] });
  }
  for (const batch of batches) batch.events.reverse();
  return batches.reverse();
}

function eventOf(change: LoggedChange, after: KeyValue | undefined): ChangeEvent {
  const { revision, previous } = change;
  if (change.kind === 'put') {
    assert(after?.modRevision === revision, 'what a put left behind carries the revision of the put');
    return { kind: 'put', entry: after, previous };
  }
  assert(previous !== undefined && after === undefined, 'a deletion takes away what was there');
  return { kind: 'delete', entry: { ...previous, modRevision: revision }, previous };
}
