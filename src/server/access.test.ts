import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#api/json.ts';
import type { ApiRequest, UserInfo } from '#api/request.ts';
import { ADMIN, nodeUser, testServer } from '#testing/api-server.ts';
import { userFromPeer } from './authenticate.ts';

const NODE = nodeUser('n');
const STRANGER: UserInfo = { name: 'eve', groups: ['system:authenticated'] };
const LOOP: UserInfo = { name: 'holdfast:binding', groups: ['holdfast:control-plane'] };
const CORE = '/api/v1/namespaces/default';

/** A pod that refers to the secrets `names`, each in another way, and to the claim `c`. */
function pod(name: string, [mounted = 'x', inEnv = 'y']: readonly string[] = []): JsonObject {
  const env = [{ name: 'E', valueFrom: { secretKeyRef: { name: inEnv, key: 'k' } } }];
  const envFrom = [{ configMapRef: { name: `map-${name}` } }];
  const volumes = [
    { name: 's', secret: { secretName: mounted } },
    { name: 'c', persistentVolumeClaim: { claimName: 'c' } },
  ];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'c', image: 'i', env, envFrom }], volumes },
  };
}

async function world() {
  const made = await testServer();
  for (const node of ['n', 'm']) {
    await made.call('POST', `${CORE}/pods`, pod(`on-${node}`, [`of-${node}`, 'both']));
    await made.call('POST', `${CORE}/pods/on-${node}/binding`, { target: { kind: 'Node', name: node } });
    const body = { apiVersion: 'v1', kind: 'Node', metadata: { name: node } };
    await made.call('POST', '/api/v1/nodes', body, { user: nodeUser(node) });
  }
  for (const name of ['of-n', 'of-m', 'both', 'stage', 'unused']) {
    await made.call('POST', `${CORE}/secrets`, { apiVersion: 'v1', kind: 'Secret', metadata: { name } });
  }
  const source = {
    driver: 'd',
    volumeHandle: 'h',
    nodeStageSecretRef: { namespace: 'default', name: 'stage' },
  };
  const spec = { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, csi: source };
  const volume = { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'v' }, spec };
  await made.call('POST', '/api/v1/persistentvolumes', volume);
  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'c' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, volumeName: 'v' },
  };
  await made.call('POST', `${CORE}/persistentvolumeclaims`, claim);
  return made;
}

describe('who is asking', () => {
  test.each(['/livez', '/readyz', '/healthz', '/version'])('SRV1: a stranger may ask %s', async (path) => {
    const { call } = await testServer();
    expect((await call('GET', path, undefined, { user: null })).status).toBe(200);
  });

  test.each(['/', '/api', '/apis', '/openapi/v3', '/metrics', `${CORE}/pods`, '/versions', '/livez/../api'])(
    'SRV1: a stranger may not ask %s',
    async (path) => {
      const { call } = await testServer();
      const answer = await call('GET', path, undefined, { user: null });
      expect([answer.status, answer.json.reason]).toEqual([401, 'Unauthorized']);
    },
  );

  test('SRV1: the body of a stranger is not read', async () => {
    const { server } = await testServer();
    let read = false;
    const response = await server.http.handle({
      method: 'POST',
      path: `${CORE}/pods`,
      headers: {},
      peer: undefined,
      body: async () => {
        read = true;
        return new Uint8Array();
      },
      signal: new AbortController().signal,
    });
    expect([response.status, read]).toEqual([401, false]);
  });

  test('SRV2: user and groups come from the certificate', () => {
    expect(userFromPeer(undefined)).toBeUndefined();
    expect(userFromPeer({ commonName: 'ann', organizations: ['dev', 'ops'] })).toEqual({
      name: 'ann',
      groups: ['dev', 'ops', 'system:authenticated'],
    });
  });
});

type Row = readonly [
  rule: string,
  who: UserInfo,
  method: ApiRequest['method'],
  path: string,
  body: JsonObject | undefined,
  status: number,
];

const named = (kind: string, name: string, more: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, ...more },
});
const owner = { apiVersion: 'v1', kind: 'Node', name: 'x', uid: 'u' };
const lease = (name: string): JsonObject => ({
  ...named('Lease', name),
  apiVersion: 'coordination.k8s.io/v1',
});
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const STORAGE = '/apis/storage.k8s.io/v1';

const ROWS: readonly Row[] = [
  ['SRV3', ADMIN, 'GET', `${CORE}/secrets`, undefined, 200],
  ['SRV3', LOOP, 'GET', `${CORE}/secrets`, undefined, 200],
  ['SRV3', STRANGER, 'GET', `${CORE}/secrets`, undefined, 403],
  ['SRV3', STRANGER, 'GET', '/api/v1', undefined, 200],
  ['SRV3', STRANGER, 'GET', '/metrics', undefined, 403],
  ['SRV3', { name: 'system:node:', groups: ['system:nodes'] }, 'GET', `${CORE}/secrets/both`, undefined, 403],
  ['SRV3', { name: 'n', groups: ['system:nodes'] }, 'GET', '/api/v1/nodes/n', undefined, 403],
  ['SRV4', NODE, 'GET', '/api/v1/nodes/n', undefined, 200],
  ['SRV4', NODE, 'PATCH', '/api/v1/nodes/n/status', { status: { volumesInUse: ['x'] } }, 200],
  ['SRV4', NODE, 'PATCH', '/api/v1/nodes/m/status', { status: {} }, 403],
  ['SRV4', NODE, 'PATCH', '/api/v1/nodes/m', { metadata: { labels: { a: 'b' } } }, 403],
  ['SRV4', NODE, 'GET', '/api/v1/pods?fieldSelector=spec.nodeName=n', undefined, 200],
  ['SRV4', NODE, 'GET', '/api/v1/pods?fieldSelector=spec.nodeName=m', undefined, 403],
  ['SRV4', NODE, 'GET', '/api/v1/pods?fieldSelector=spec.nodeName!=n', undefined, 403],
  ['SRV4', NODE, 'GET', '/api/v1/pods', undefined, 403],
  ['SRV4', NODE, 'GET', `${CORE}/pods/on-n`, undefined, 200],
  ['SRV4', NODE, 'GET', `${CORE}/pods/on-m`, undefined, 403],
  ['SRV4', NODE, 'PATCH', `${CORE}/pods/on-n/status`, { status: { phase: 'Running' } }, 200],
  ['SRV4', NODE, 'PATCH', `${CORE}/pods/on-m/status`, { status: { phase: 'Running' } }, 403],
  ['SRV4', NODE, 'PATCH', `${CORE}/pods/on-n`, { metadata: { labels: { a: 'b' } } }, 403],
  ['SRV4', NODE, 'DELETE', `${CORE}/pods/on-m`, undefined, 403],
  ['SRV4', NODE, 'DELETE', `${CORE}/pods/on-n`, { gracePeriodSeconds: 0 }, 200],
  ['SRV4', NODE, 'POST', `${CORE}/pods`, pod('new'), 403],
  ['SRV4', NODE, 'GET', `${CORE}/secrets/of-n`, undefined, 200],
  ['SRV4', NODE, 'GET', `${CORE}/secrets/both`, undefined, 200],
  ['SRV4', NODE, 'GET', `${CORE}/secrets/stage`, undefined, 200],
  ['SRV4', NODE, 'GET', `${CORE}/secrets/of-m`, undefined, 403],
  ['SRV4', NODE, 'GET', `${CORE}/secrets/unused`, undefined, 403],
  ['SRV4', NODE, 'GET', '/api/v1/namespaces/kube-system/secrets/of-n', undefined, 403],
  ['SRV4', NODE, 'GET', `${CORE}/configmaps/map-on-m`, undefined, 403],
  ['SRV4', NODE, 'GET', `${CORE}/secrets`, undefined, 403],
  ['SRV4', NODE, 'GET', `${STORAGE}/csidrivers`, undefined, 200],
  ['SRV4', NODE, 'GET', '/api/v1/persistentvolumes', undefined, 403],
  ['SRV4', NODE, 'POST', LEASES, lease('n'), 201],
  ['SRV4', NODE, 'POST', `${LEASES.replace('kube-node-lease', 'default')}`, lease('n'), 403],
  ['SRV4', NODE, 'PUT', `${LEASES}/m`, lease('m'), 403],
  ['SRV5', NODE, 'POST', LEASES, lease('m'), 403],
  ['SRV5', NODE, 'POST', '/api/v1/nodes', named('Node', 'other'), 403],
  ['SRV5', NODE, 'PATCH', '/api/v1/nodes/n', { metadata: { ownerReferences: [owner] } }, 403],
  ['SRV5', NODE, 'PATCH', '/api/v1/nodes/n', { metadata: { labels: { a: 'b' } } }, 200],
  ['SRV5', NODE, 'PATCH', `${CORE}/persistentvolumeclaims/c/status`, { status: { phase: 'Bound' } }, 200],
  [
    'SRV5',
    NODE,
    'PATCH',
    `${CORE}/persistentvolumeclaims/c/status`,
    { metadata: { finalizers: [] }, status: {} },
    403,
  ],
  ['SRV5', NODE, 'PATCH', `${CORE}/persistentvolumeclaims/c`, { metadata: { labels: { a: 'b' } } }, 403],
  ['SRV6', LOOP, 'POST', '/api/v1/namespaces/holdfast-system/configmaps', named('ConfigMap', 'pvc-1'), 201],
  ['SRV6', NODE, 'POST', '/api/v1/namespaces/holdfast-system/configmaps', named('ConfigMap', 'pvc-1'), 403],
  ['SRV6', NODE, 'GET', '/api/v1/namespaces/holdfast-system/configmaps/pvc-1', undefined, 403],
  ['SRV6', NODE, 'POST', '/api/v1/namespaces/holdfast-system/events', named('Event', 'e'), 403],
];

describe('what they may do', () => {
  test.each(ROWS)('%s: %o %s %s', async (_rule, user, method, path, body, status) => {
    const { call } = await world();
    const answer = await call(method, path, body, { user });
    expect([answer.status, answer.status < 300 ? '' : answer.json.reason]).toEqual([
      status,
      status === 403 ? 'Forbidden' : '',
    ]);
  });

  test('SRV4: with its pod gone a node reads its secret no more', async () => {
    const { call } = await world();
    const path = `${CORE}/secrets/of-n`;
    expect((await call('GET', path, undefined, { user: NODE })).status).toBe(200);
    await call('DELETE', `${CORE}/pods/on-n`, { gracePeriodSeconds: 0 });
    expect((await call('GET', path, undefined, { user: NODE })).status).toBe(403);
  });

  test('SRV3: a refusal says what was refused', async () => {
    const { call } = await world();
    const { json } = await call('GET', `${CORE}/secrets`, undefined, { user: STRANGER });
    expect(json.message).toBe(
      'secrets is forbidden: User "eve" cannot list resource "secrets" in API group "" in the namespace "default"',
    );
  });
});
