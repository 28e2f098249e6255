// Live lists shared by proofs that are made at the same time: a hundred volumes that are deleted together need the lists
// of volumes, attachments and nodes, and not a hundred times. A list answers only questions that were asked before it
// began, so it is as live as one of its own (RUL114).
import type { ApiObject, ResourceType, Stored } from '#api/object.ts';
import type { LiveReads } from './proofs.ts';

interface Listed<T extends ApiObject> {
  readonly resourceVersion: string;
  readonly items: readonly Stored<T>[];
}

type Query = { readonly namespace?: string; readonly fieldSelector?: string };

/** `live` with its lists shared. */
export function sharedLists(live: LiveReads): LiveReads {
  const running = new Map<string, Promise<unknown>>();
  const waiting = new Map<string, Promise<unknown>>();

  const begin = <T extends ApiObject>(
    key: string,
    type: ResourceType<T>,
    query: Query,
  ): Promise<Listed<T>> => {
    waiting.delete(key);
    const list = live.list(type, query);
    const settled = list.then(
      () => undefined,
      () => undefined,
    );
    running.set(key, settled);
    void settled.then(() => running.get(key) === settled && running.delete(key));
    return list;
  };

  return {
    find: (type, name, signal) => live.find(type, name, signal),
    list<T extends ApiObject>(type: ResourceType<T>, query: Query = {}): Promise<Listed<T>> {
      const key = `${type.group}/${type.plural} ${query.namespace ?? ''} ${query.fieldSelector ?? ''}`;
      const next = waiting.get(key);
      // The key names the type, so what waits under it is a list of this type.
      if (next !== undefined) return next as Promise<Listed<T>>;
      const before = running.get(key);
      if (before === undefined) return begin(key, type, query);
      const list = before.then(() => begin(key, type, query));
      waiting.set(key, list);
      return list;
    },
  };
}
