// Random damage to valid objects, in every verb that takes a body: the server always answers, and never with a 500.
import { expect, test } from 'vitest';
import { isJsonObject, type JsonObject, type JsonValue } from '#api/json.ts';
import type { ApiRequest } from '#api/request.ts';
import type { Random } from '#base/random.ts';
import { testServer } from '#testing/api-server.ts';
import { seededRandom } from '#testing/seeded-random.ts';

const DAMAGE: readonly JsonValue[] = [
  null,
  0,
  -1,
  1.5,
  2 ** 53,
  true,
  '',
  '..',
  'a/b',
  '1e999999999',
  '\u0000',
  '\ud800',
  'a'.repeat(300),
  [],
  {},
  [null],
  [[]],
  { a: null },
  { constructor: { prototype: {} } },
];

const SEEDS: Readonly<Record<string, JsonObject>> = {
  pods: {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', labels: { a: 'b' }, finalizers: ['a.b/c'] },
    spec: {
      containers: [{ name: 'c', image: 'i', volumeMounts: [{ name: 'v', mountPath: '/x' }] }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }],
      tolerations: [{ key: 'a' }],
    },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  },
  persistentvolumeclaims: {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'p' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    status: { phase: 'Bound', capacity: { storage: '1Gi' } },
  },
};

const TYPES = ['application/merge-patch+json', 'application/strategic-merge-patch+json'] as const;
const METHODS = ['POST', 'PUT', 'PATCH', 'DELETE'] as const;

const pick = <T>(random: Random, from: readonly T[]): T | undefined =>
  from[Math.floor(random.fraction() * from.length)];

function damaged(random: Random, value: JsonValue | undefined): JsonValue {
  if (random.fraction() < 0.06) return pick(random, DAMAGE) ?? null;
  if (Array.isArray(value)) return value.map((item: JsonValue) => damaged(random, item));
  if (!isJsonObject(value)) return value ?? null;
  const kept = Object.entries(value).filter(() => random.fraction() > 0.03);
  return Object.fromEntries(kept.map(([key, member]) => [key, damaged(random, member)]));
}

test.each([1, 2, 3])('SRV49: damaged bodies are the sender’s fault (seed %i)', async (seed) => {
  const random = seededRandom(seed);
  const { call } = await testServer();
  for (let round = 0; round < 400; round++) {
    const [plural, object] = pick(random, Object.entries(SEEDS)) ?? ['pods', {}];
    const method: ApiRequest['method'] = pick(random, METHODS) ?? 'POST';
    const path = `/api/v1/namespaces/default/${plural}${method === 'POST' ? '' : '/p'}`;
    const whole = JSON.stringify(damaged(random, object));
    const body = random.fraction() < 0.05 ? whole.slice(0, whole.length / 2) : whole;
    const headers = method === 'PATCH' ? { 'content-type': pick(random, TYPES) ?? TYPES[0] } : {};
    const answer = await call(method, path, body, { headers });
    expect(answer.status, `${method} ${path} ${body}`).toBeLessThan(500);
  }
});
