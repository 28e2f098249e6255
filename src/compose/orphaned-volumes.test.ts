import { expect, test } from 'vitest';
import { configMaps, persistentVolumes } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import type { CsiConnection } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import { encodeIntent, type Intent } from '#sidecars/provisioner/intent.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { findOrphanedVolumes } from './orphaned-volumes.ts';

const DRIVER = 'd.csi.example';
const { signal } = new AbortController();

interface World {
  /** Volume IDs of each call of ListVolumes, in pages of two. */
  readonly lists: readonly (readonly string[])[];
  readonly capabilities?: readonly string[];
  readonly isDown?: boolean;
}

function connect({ lists, capabilities = ['LIST_VOLUMES'], isDown = false }: World): CsiConnection {
  let list = -1;
  const listVolumes = ({ startingToken }: { readonly startingToken: string }) => {
    if (startingToken === '') list++;
    const from = Number(startingToken);
    const all = lists[Math.min(list, lists.length - 1)] ?? [];
    const entries = all.slice(from, from + 2).map((volumeId) => ({
      volume: { volumeId, capacityBytes: '1073741824' },
      status: { publishedNodeIds: ['n'], volumeCondition: null },
    }));
    return Promise.resolve({ entries, nextToken: from + 2 < all.length ? String(from + 2) : '' });
  };
  const probe = () =>
    isDown ? Promise.reject(new CsiError('UNAVAILABLE', 'nobody')) : Promise.resolve({ ready: null });
  return {
    identity: {
      probe,
      getPluginInfo: () => Promise.resolve({ name: DRIVER }),
      getPluginCapabilities: () =>
        Promise.resolve({ capabilities: [{ service: { type: 'CONTROLLER_SERVICE' } }] }),
    },
    controller: {
      controllerGetCapabilities: () =>
        Promise.resolve({ capabilities: capabilities.map((type) => ({ rpc: { type } })) }),
      listVolumes,
    },
  } as unknown as CsiConnection;
}

const anIntent = (uid: string, handle = ''): Intent => ({
  name: `pvc-${uid}`,
  driver: DRIVER,
  phase: handle === '' ? 'creating' : 'deleting',
  handle,
  // Of the plan only the claim's UID counts here.
  plan: { claimUid: uid } as Intent['plan'],
  request: {},
});

async function report(world: World, seed: (api: ReturnType<typeof scriptedApi>) => void = () => undefined) {
  const api = scriptedApi();
  const clock = virtualClock();
  seed(api);
  const found = findOrphanedVolumes(api, connect(world), { clock, log: silentLog, timeoutMs: 1000 }, signal);
  await clock.advance(6000);
  return { result: await found, writes: api.writes };
}

test('PRV85 PRV88: what no volume and no intent knows, over all pages', async () => {
  const { result, writes } = await report(
    { lists: [['known', 'given-up', 'lost-b', 'lost-a', 'foreign']] },
    (api) => {
      const spec = (driver: string, volumeHandle: string) => ({ spec: { csi: { driver, volumeHandle } } });
      api.seed(persistentVolumes, { metadata: { name: 'a' }, ...spec(DRIVER, 'known') });
      api.seed(persistentVolumes, { metadata: { name: 'b' }, ...spec('other', 'foreign') });
      api.seed(configMaps, encodeIntent(anIntent('1', 'given-up')));
    },
  );
  expect(result).toEqual({
    kind: 'report',
    report: {
      driver: DRIVER,
      listed: 5,
      orphaned: ['foreign', 'lost-a', 'lost-b'].map((volumeId) => ({
        volumeId,
        capacityBytes: '1073741824',
        publishedNodeIds: ['n'],
      })),
      openIntents: [],
    },
  });
  expect(writes).toEqual([]);
});

test('PRV85: what is made or deleted meanwhile is no orphan', async () => {
  const { result } = await report({
    lists: [
      ['deleted', 'lost'],
      ['lost', 'made'],
    ],
  });
  expect(result.kind === 'report' && result.report.orphaned.map(({ volumeId }) => volumeId)).toEqual([
    'lost',
  ]);
});

test('PRV86: provisioning that is under way is named', async () => {
  const { result } = await report({ lists: [['new']] }, (api) => {
    api.seed(configMaps, encodeIntent(anIntent('1')));
    api.seed(configMaps, encodeIntent(anIntent('2')));
    api.seed(persistentVolumes, { metadata: { name: 'pvc-2' } });
  });
  expect(result).toMatchObject({ report: { openIntents: ['pvc-1'] } });
});

test.each([
  { when: 'the driver cannot list', world: { lists: [], capabilities: [] }, says: 'LIST_VOLUMES' },
  { when: 'it does not answer', world: { lists: [], isDown: true }, says: 'does not answer' },
])('PRV87: refused when $when', async ({ world, says }) => {
  const { result } = await report(world);
  expect(result.kind === 'refused' && result.because).toContain(says);
});
