import { expect, test } from 'vitest';
import { silentLog } from '#base/log.ts';
import { persistentVolumes } from '#api/resources.ts';
import { keyOf } from '#api/object.ts';
import { nextTurn } from '#testing/real/turn.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import type { InformerSource } from './informer.ts';
import { runLoop } from './run-loop.ts';

test('CLT12: CLT13: a loop runs no key before its caches are full, and leaves nothing behind', async () => {
  const api = scriptedApi();
  const clock = virtualClock();
  let fill: () => void = () => undefined;
  const filled = new Promise<void>((resolve) => (fill = resolve));
  const informers: InformerSource = { ...api.informers, whenAllSynced: () => filled };
  const seen: string[] = [];
  const deps = {
    clock,
    random: seededRandom(1),
    log: silentLog,
    api,
    informers,
    events: { record: () => undefined },
  };
  const loop = runLoop(deps, {
    name: 'test',
    concurrency: 1,
    reconcile: async (key) => (seen.push(key), { kind: 'settled' }),
    connect: (enqueue) => [
      informers
        .informer(persistentVolumes)
        .subscribe(({ object }) => enqueue(keyOf({ metadata: object.metadata }))),
    ],
  });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  api.seed(persistentVolumes, { metadata: { name: 'pv-1' } });
  await nextTurn();
  expect(seen).toEqual([]);
  fill();
  await nextTurn();
  expect(seen).toEqual(['pv-1']);
  stop.abort();
  await running;
  api.seed(persistentVolumes, { metadata: { name: 'pv-2' } });
  await clock.advance(10);
  expect([seen, clock.pending]).toEqual([['pv-1'], []]);
});
