import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeChange,
  decodeChangeKey,
  decodeHead,
  decodeMeta,
  encodeChange,
  encodeChangeKey,
  encodeHead,
  encodeMeta,
  FORMAT,
} from './record-format.ts';
import { batchesOf } from './redo.ts';
import type { ChangeBatch, KeyValue } from './store.ts';
import { decideTransaction } from './transaction.ts';

const revision = fc.oneof(fc.nat(), fc.constantFrom(2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1));
const entry: fc.Arbitrary<KeyValue> = fc.record({
  key: fc.string({ unit: 'grapheme', minLength: 1 }),
  value: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  createRevision: revision,
  modRevision: revision,
  version: fc.nat(),
});

test('STO35: records read back as they were written', () => {
  fc.assert(
    fc.property(entry, fc.option(entry, { nil: undefined }), fc.boolean(), (now, before, isPut) => {
      const previous = before && { ...before, key: now.key };
      expect(decodeHead(now.key, encodeHead(now))).toEqual(now);
      const kind = isPut ? 'put' : 'delete';
      expect(decodeChange(encodeChange({ kind, entry: now, previous }))).toEqual({
        kind,
        key: now.key,
        previous,
      });
    }),
  );
  const meta = { format: FORMAT, revision: 2 ** 50, compactedTo: 7 };
  expect(decodeMeta(encodeMeta(meta))).toEqual(meta);
});

test('STO35: the keys of changes sort by revision, then by place', () => {
  fc.assert(
    fc.property(revision, revision, fc.nat(9), fc.nat(9), (a, b, i, j) => {
      expect(decodeChangeKey(encodeChangeKey(a, i))).toBe(a);
      const order = Math.sign(Buffer.compare(encodeChangeKey(a, i), encodeChangeKey(b, j)));
      expect(order).toBe(Math.sign(a - b) || Math.sign(i - j));
    }),
  );
});

test('STO35: an undo log gives the batches again that it was made from', () => {
  const key = fc.constantFrom('/a', '/b', '/c');
  const write = fc.oneof(
    fc.record({ kind: fc.constant('put' as const), key, value: fc.uint8Array({ maxLength: 3 }) }),
    fc.record({ kind: fc.constant('delete' as const), key }),
  );
  const transactions = fc.array(fc.uniqueArray(write, { selector: (one) => one.key, minLength: 1 }));
  fc.assert(
    fc.property(transactions, (all) => {
      const head = new Map<string, KeyValue>();
      const batches: ChangeBatch[] = [];
      for (const writes of all) {
        const next = (batches.at(-1)?.revision ?? 1) + 1;
        const decision = decideTransaction({ compare: [], writes }, next, (name) => head.get(name));
        if (decision.kind !== 'write') continue;
        batches.push(decision.batch);
        for (const { kind, entry: after } of decision.batch.events) {
          if (kind === 'put') head.set(after.key, after);
          else head.delete(after.key);
        }
      }
      const log = batches.flatMap(({ revision: at, events }) =>
        events.map(({ kind, entry: after, previous }) => ({ revision: at, kind, key: after.key, previous })),
      );
      expect(batchesOf(log, (name) => head.get(name))).toEqual(batches);
    }),
  );
});
