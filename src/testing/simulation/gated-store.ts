// A process's view of the durable store: its commits are effects, and its watches end when its gate closes.
import type { Store } from '#store/store.ts';
import type { Gate } from './effect-scheduler.ts';

/** `durable` as one incarnation of a process sees it. Closing it leaves the durable store alone. */
export function gatedStore(durable: Store, gate: Gate, name: string): Store {
  return {
    get revision() {
      return durable.revision;
    },
    get compactedTo() {
      return durable.compactedTo;
    },
    range: (query) => durable.range(query),
    commit: (transaction) => {
      const keys = transaction.writes.map((w) => `${w.kind} ${w.key}`).join(', ');
      return gate.effect(`${name}: commit ${keys}`, () => durable.commit(transaction));
    },
    watch: (query, sink) =>
      durable.watch(query, {
        onBatch: (batch) => {
          if (gate.isOpen) sink.onBatch(batch);
        },
        onEnd: (reason) => {
          if (gate.isOpen) sink.onEnd(reason);
        },
      }),
    compact: (revision) => durable.compact(revision),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
