// Quotas under races: two servers on one store, and random lives of claims; what is used is always what is there.
import { expect, test } from 'vitest';
import type { JsonObject } from '#api/json.ts';
import { nanosOf } from '#rules/quota.ts';
import { memoryStore } from '#store/memory.ts';
import { type TestServer, testServer } from '#testing/api-server.ts';
import { seededRandom } from '#testing/seeded-random.ts';

const HOME = '/api/v1/namespaces/default';
const CLAIMS = `${HOME}/persistentvolumeclaims`;

const claim = (name: string, size = '1Gi'): JsonObject => ({
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: size } } },
});

async function limit({ call }: TestServer, hard: Record<string, string>): Promise<void> {
  await call('POST', `${HOME}/resourcequotas`, { metadata: { name: 'q' }, spec: { hard } });
  const used = Object.fromEntries(Object.keys(hard).map((name) => [name, '0']));
  await call('PATCH', `${HOME}/resourcequotas/q/status`, { status: { hard, used } });
}

async function usedOf({ call }: TestServer): Promise<JsonObject> {
  const { status } = (await call('GET', `${HOME}/resourcequotas/q`)).json;
  return (status as JsonObject).used as JsonObject;
}

test('SRV51: two servers on one store cannot overshoot together', async () => {
  const store = memoryStore();
  const servers = [await testServer({ store }), await testServer({ store })] as const;
  await limit(servers[0], { persistentvolumeclaims: '15' });
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      servers[index % 2 === 0 ? 0 : 1].call('POST', CLAIMS, claim(`c-${index}`)),
    ),
  );
  const made = answers.filter(({ status }) => status === 201).length;
  // A server that lost every race for a place may say Conflict; nobody gets a place that is not there.
  expect(answers.every(({ status }) => [201, 403, 409].includes(status))).toBe(true);
  expect(made).toBeLessThanOrEqual(15);
  expect(await usedOf(servers[1])).toEqual({ persistentvolumeclaims: String(made) });
  expect((await servers[0].call('GET', CLAIMS)).json.items).toHaveLength(made);
});

test.each([1, 2, 3])('SRV52: whatever happens, used is what is there (seed %i)', async (seed) => {
  const world = await testServer();
  await limit(world, { persistentvolumeclaims: '12', 'requests.storage': '20Gi' });
  const random = seededRandom(seed);
  const pick = (count: number): number => Math.floor(random.fraction() * count);
  const act = (): Promise<unknown> => {
    const name = `c-${pick(20)}`;
    switch (pick(4)) {
      case 0:
        return world.call('DELETE', `${CLAIMS}/${name}`);
      case 1:
        return world.call('PATCH', `${CLAIMS}/${name}`, { metadata: { finalizers: null } });
      case 2: {
        const storage = `${1 + pick(4)}Gi`;
        return world.call('PATCH', `${CLAIMS}/${name}/status`, {
          status: { allocatedResources: { storage } },
        });
      }
      default:
        return world.call('POST', CLAIMS, claim(name, `${1 + pick(3)}Gi`));
    }
  };
  for (let round = 0; round < 30; round++) {
    await Promise.all(Array.from({ length: 16 }, act));
    const items = (await world.call('GET', CLAIMS)).json.items as readonly JsonObject[];
    const used = await usedOf(world);
    expect(used.persistentvolumeclaims).toBe(String(items.length));
    expect(items.length).toBeLessThanOrEqual(12);
    expect(nanosOf(used['requests.storage'])).toBe(items.map(sizeOf).reduce((sum, size) => sum + size, 0n));
  }
});

function sizeOf(item: JsonObject): bigint {
  const spec = item.spec as { readonly resources: { readonly requests: { readonly storage: string } } };
  const status = item.status as { readonly allocatedResources?: { readonly storage: string } };
  const requested = nanosOf(spec.resources.requests.storage);
  const allocated = nanosOf(status.allocatedResources?.storage);
  return requested > allocated ? requested : allocated;
}
