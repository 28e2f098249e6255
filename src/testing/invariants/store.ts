// I-31 and I-32: the store's history itself, as its watch told it.
import type { KeyValue } from '#store/store.ts';
import type { Invariant, World } from './world.ts';

const linear: Invariant = {
  id: 'I-31',
  says: 'revisions rise and never repeat; versions of a key count its changes',
  watch: (report) => ({
    end({ world }) {
      let last = 0;
      const versions = new Map<string, number>();
      for (const { revision, events } of world.batches) {
        if (revision <= last) report(`revision ${revision} came after ${last}`);
        last = revision;
        for (const { kind, entry } of events) {
          const expected = (versions.get(entry.key) ?? 0) + 1;
          if (kind === 'put' && entry.version !== expected) {
            report(
              `${entry.key} has version ${entry.version} at revision ${revision}, ${expected} was to come`,
            );
          }
          if (kind === 'delete') versions.delete(entry.key);
          else versions.set(entry.key, entry.version);
        }
      }
    },
  }),
};

const watched: Invariant = {
  id: 'I-32',
  says: 'a watch tells each change once, whole, in order, with what was there before',
  watch: (report) => ({
    end({ world }) {
      const held = new Map<string, KeyValue>();
      for (const { revision, events } of batchesOf(world)) {
        const keys = new Set<string>();
        for (const { kind, entry, previous } of events) {
          const at = `${entry.key} at revision ${revision}`;
          if (entry.modRevision !== revision) report(`${at} says it is of revision ${entry.modRevision}`);
          if (keys.has(entry.key)) report(`${at} comes twice`);
          keys.add(entry.key);
          const before = held.get(entry.key);
          if (before?.modRevision !== previous?.modRevision) report(`${at} has a wrong previous value`);
          const isNew = kind === 'put' && before === undefined;
          if (isNew !== (kind === 'put' && entry.createRevision === revision))
            report(`${at} is wrongly new or old`);
          if (kind === 'put') held.set(entry.key, entry);
          else held.delete(entry.key);
        }
      }
    },
  }),
};

const batchesOf = (world: World): World['batches'] => world.batches;

export const STORE: readonly Invariant[] = [linear, watched];
