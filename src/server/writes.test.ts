import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#api/json.ts';
import { decodeProtobuf } from '#api/protobuf/decode.ts';
import { encodeProtobuf } from '#api/protobuf/encode.ts';
import { ADMIN, testServer } from '#testing/api-server.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const PODS = '/api/v1/namespaces/default/pods';

function map(name: string, data: Record<string, string> = {}, metadata: JsonObject = {}): JsonObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data };
}

function pod(name: string): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'main', image: 'none' }], terminationGracePeriodSeconds: 30 },
  };
}

const binding = (node: string, uid = ''): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Binding',
  metadata: { name: 'p', ...(uid !== '' && { uid }) },
  target: { kind: 'Node', name: node },
});

describe('bodies', () => {
  test('SRV9: YAML is read, another type is 415, no JSON wanted is 406', async () => {
    const { call } = await testServer();
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: text}\ndata: {a: b}\n';
    const asYaml = { headers: { 'content-type': 'application/yaml' } };
    expect((await call('POST', MAPS, yaml, asYaml)).json.data).toEqual({ a: 'b' });
    const asText = { headers: { 'content-type': 'text/plain' } };
    expect((await call('POST', MAPS, yaml, asText)).status).toBe(415);
    expect((await call('GET', MAPS, undefined, { headers: { accept: 'text/html' } })).status).toBe(406);
  });

  test('SRV9: protobuf is read and written as the same object', async () => {
    const { call, server } = await testServer();
    const type = 'application/vnd.kubernetes.protobuf';
    const response = await server.handler({
      method: 'POST',
      path: MAPS,
      headers: { 'content-type': type, accept: `${type},application/json` },
      body: encodeProtobuf(map('proto', { a: 'b' }), 'core/v1.ConfigMap'),
      user: ADMIN,
      signal: new AbortController().signal,
    });
    expect([response.status, response.headers['content-type']]).toEqual([201, type]);
    if (!(response.body instanceof Uint8Array)) throw new Error('one object is one body');
    const { json } = await call('GET', `${MAPS}/proto`);
    expect(json.data).toEqual({ a: 'b' });
    expect(decodeProtobuf(response.body, 'core/v1.ConfigMap')).toEqual(json);
  });

  test('SRV10: fieldValidation decides about an unknown field', async () => {
    const { call } = await testServer();
    const body = { ...map('a'), color: 'red' };
    const strict = await call('POST', `${MAPS}?fieldValidation=Strict`, body);
    expect([strict.status, strict.json.message]).toEqual([
      400,
      'strict decoding error: unknown field "color"',
    ]);
    expect((await call('POST', MAPS, body)).warnings).toEqual(['unknown field "color"']);
    expect((await call('POST', `${MAPS}?fieldValidation=Ignore`, map('b', {}))).warnings).toEqual([]);
    const wrong = await call('POST', `${MAPS}?fieldValidation=Ignore`, { ...map('c'), data: { a: 1 } });
    expect([wrong.status, wrong.json.message]).toEqual([400, expect.stringContaining('data.a')]);
  });

  test.each([
    ['kind', { ...map('a'), kind: 'Secret' }],
    ['namespace', map('a', {}, { namespace: 'other' })],
    ['name', map('b')],
  ])('SRV11: a body that contradicts the URL in %s is 400', async (what, body) => {
    const { call } = await testServer();
    await call('POST', MAPS, map('a'));
    const answer = what === 'name' ? await call('PUT', `${MAPS}/a`, body) : await call('POST', MAPS, body);
    expect(answer.status).toBe(400);
  });

  test.each(['..', 'a/b', 'a%2fb', 'a b'])('SRV7: the name %j in a body is refused', async (name) => {
    const { call } = await testServer();
    expect((await call('POST', MAPS, map(name))).status).toBe(422);
  });
});

describe('create and update', () => {
  test('SRV12: create gives identity and refuses a taken name', async () => {
    const { call } = await testServer();
    const made = await call(
      'POST',
      MAPS,
      map('a', {}, { uid: 'mine', creationTimestamp: '2001-01-01T00:00:00Z' }),
    );
    expect(made.status).toBe(201);
    expect(made.json.metadata).toMatchObject({
      namespace: 'default',
      creationTimestamp: '2026-01-01T00:00:00Z',
      uid: expect.not.stringMatching('mine'),
      resourceVersion: expect.stringMatching(/^[1-9]\d*$/),
    });
    const again = await call('POST', MAPS, map('a'));
    expect([again.status, again.json.reason]).toEqual([409, 'AlreadyExists']);
    expect((await call('POST', MAPS, map('b', {}, { resourceVersion: '3' }))).status).toBe(400);
    expect((await call('POST', '/api/v1/namespaces/none/configmaps', map('a'))).status).toBe(404);
  });

  test('SRV13: generateName makes different names', async () => {
    const { call } = await testServer();
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'g-' } };
    const made = await Promise.all([1, 2, 3].map(() => call('POST', MAPS, body)));
    const names = made.map(({ json }) => (json.metadata as { name: string }).name);
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^g-[a-z0-9]{5}$/);
  });

  test('SRV14: stale versions and other uids are conflicts', async () => {
    const { call } = await testServer();
    const first = (await call('POST', MAPS, map('a', { v: '1' }))).json;
    const second = await call('PUT', `${MAPS}/a`, { ...first, data: { v: '2' } });
    expect(second.status).toBe(200);
    const stale = await call('PUT', `${MAPS}/a`, { ...first, data: { v: '3' } });
    expect([stale.status, stale.json.reason]).toEqual([409, 'Conflict']);
    expect(stale.json.message).toContain('the object has been modified; please apply your changes');
    const other = await call('PUT', `${MAPS}/a`, map('a', {}, { uid: 'another' }));
    expect([other.status, other.json.message]).toEqual([
      409,
      expect.stringContaining('Precondition failed: UID'),
    ]);
    expect((await call('PUT', `${MAPS}/a`, map('a', { v: '4' }))).json.data).toEqual({ v: '4' });
  });

  test('SRV15: a write that changes nothing makes no revision', async () => {
    const { call, store } = await testServer();
    const { json } = await call('POST', MAPS, map('a', { v: '1' }));
    const before = store.revision;
    expect((await call('PUT', `${MAPS}/a`, json)).json).toEqual(json);
    expect((await call('PATCH', `${MAPS}/a`, { data: { v: '1' } })).json).toEqual(json);
    expect(store.revision).toBe(before);
  });

  test('SRV16: spec and status are written apart', async () => {
    const { call } = await testServer();
    await call('POST', PODS, pod('p'));
    const { json } = await call('PATCH', `${PODS}/p`, {
      metadata: { labels: { a: 'b' } },
      status: { phase: 'Failed' },
    });
    expect(json.status).toMatchObject({ phase: 'Pending' });
    const status = {
      metadata: { labels: { a: 'b' } },
      spec: { nodeName: 'n' },
      status: { phase: 'Running' },
    };
    const after = (await call('PATCH', `${PODS}/p/status`, status)).json;
    expect([after.status, after.spec]).toEqual([
      expect.objectContaining({ phase: 'Running' }),
      expect.not.objectContaining({ nodeName: 'n' }),
    ]);
  });

  test('SRV17: patches of every kind reach the newest object', async () => {
    const { call } = await testServer();
    const made = (await call('POST', MAPS, map('a', { a: '1' }))).json;
    const json = { headers: { 'content-type': 'application/json-patch+json' } };
    const operations = [{ op: 'add', path: '/data/b', value: '2' }];
    expect((await call('PATCH', `${MAPS}/a`, operations, json)).json.data).toEqual({ a: '1', b: '2' });
    const strategic = { headers: { 'content-type': 'application/strategic-merge-patch+json' } };
    const many = Array.from({ length: 12 }, (_, i) =>
      call('PATCH', `${MAPS}/a`, { data: { [`k${i}`]: 'x' } }, strategic),
    );
    expect((await Promise.all(many)).map(({ status }) => status)).toEqual(Array(12).fill(200));
    const { resourceVersion } = made.metadata as { resourceVersion: string };
    expect(
      (await call('PATCH', `${MAPS}/a`, { metadata: { resourceVersion }, data: { z: '' } })).status,
    ).toBe(409);
    const bad = await call('PATCH', `${MAPS}/a?fieldValidation=Strict`, { datum: {} });
    expect([bad.status, bad.json.message]).toEqual([400, expect.stringContaining('unknown field "datum"')]);
    const text = { headers: { 'content-type': 'application/json' } };
    expect((await call('PATCH', `${MAPS}/a`, {}, text)).status).toBe(415);
  });

  test('SRV18: dryRun=All writes nothing', async () => {
    const { call, store } = await testServer();
    await call('POST', MAPS, map('a'));
    const before = store.revision;
    expect((await call('POST', `${MAPS}?dryRun=All`, map('b'))).status).toBe(201);
    expect((await call('POST', `${MAPS}?dryRun=All`, map('a'))).status).toBe(409);
    expect((await call('PATCH', `${MAPS}/a?dryRun=All`, { data: { x: 'y' } })).json.data).toEqual({ x: 'y' });
    expect((await call('DELETE', `${MAPS}/a?dryRun=All`)).status).toBe(200);
    expect((await call('POST', `${MAPS}?dryRun=Some`, map('b'))).status).toBe(400);
    expect(store.revision).toBe(before);
  });
});

describe('delete', () => {
  test('SRV19: preconditions hold or nothing happens', async () => {
    const { call } = await testServer();
    const { metadata } = (await call('POST', MAPS, map('a'))).json;
    const { uid } = metadata as { uid: string };
    expect((await call('DELETE', `${MAPS}/a`, { preconditions: { uid: 'x' } })).status).toBe(409);
    expect((await call('DELETE', `${MAPS}/a`, { preconditions: { resourceVersion: '1' } })).status).toBe(409);
    const done = await call('DELETE', `${MAPS}/a`, {
      preconditions: { uid },
      propagationPolicy: 'Foreground',
    });
    expect(done.json).toMatchObject({ status: 'Success', details: { name: 'a', kind: 'configmaps', uid } });
    expect((await call('GET', `${MAPS}/a`)).status).toBe(404);
  });

  test('SRV20: the last finalizer holds the object', async () => {
    const { call } = await testServer();
    await call('POST', MAPS, map('a', {}, { finalizers: ['example.com/a', 'example.com/b'] }));
    expect((await call('DELETE', `${MAPS}/a`)).json.metadata).toMatchObject({
      deletionTimestamp: '2026-01-01T00:00:00Z',
    });
    const finalizers = (list: readonly string[]) =>
      call('PATCH', `${MAPS}/a`, { metadata: { finalizers: list } });
    expect((await finalizers(['example.com/a', 'example.com/c'])).status).toBe(422);
    expect((await finalizers(['example.com/a'])).status).toBe(200);
    expect((await finalizers([])).status).toBe(200);
    expect((await call('GET', `${MAPS}/a`)).status).toBe(404);
  });

  test('SRV21: a pod on a node ends gracefully', async () => {
    const { call } = await testServer();
    await call('POST', PODS, pod('free'));
    await call('DELETE', `${PODS}/free`);
    expect((await call('GET', `${PODS}/free`)).status).toBe(404);
    const { metadata } = (await call('POST', PODS, pod('p'))).json;
    await call('POST', `${PODS}/p/binding`, binding('n'));
    const marked = (await call('DELETE', `${PODS}/p`)).json.metadata;
    expect(marked).toMatchObject({
      deletionTimestamp: '2026-01-01T00:00:30Z',
      deletionGracePeriodSeconds: 30,
    });
    expect((await call('DELETE', `${PODS}/p`, { gracePeriodSeconds: 60 })).json.metadata).toEqual(marked);
    const shorter = (await call('DELETE', `${PODS}/p`, { gracePeriodSeconds: 5 })).json.metadata;
    expect(shorter).toMatchObject({
      deletionTimestamp: '2026-01-01T00:00:05Z',
      deletionGracePeriodSeconds: 5,
    });
    const { uid } = metadata as { uid: string };
    await call('DELETE', `${PODS}/p`, { gracePeriodSeconds: 0, preconditions: { uid } });
    expect((await call('GET', `${PODS}/p`)).status).toBe(404);
  });

  test('SRV22: deletecollection keeps to its selector', async () => {
    const { call } = await testServer();
    for (const name of ['a', 'b', 'c']) await call('POST', MAPS, map(name, {}, { labels: { own: name } }));
    expect((await call('DELETE', `${MAPS}?labelSelector=own+in+(a,b)`)).status).toBe(200);
    const left = (await call('GET', MAPS)).json.items as readonly { metadata: { name: string } }[];
    expect(left.map(({ metadata }) => metadata.name)).toEqual(['c']);
  });
});

describe('bindings and namespaces', () => {
  test('SRV23: a pod is bound once', async () => {
    const { call } = await testServer();
    await call('POST', PODS, pod('p'));
    expect((await call('POST', `${PODS}/p/binding`, binding('n', 'another'))).status).toBe(409);
    expect((await call('POST', `${PODS}/p/binding`, binding('n'))).status).toBe(201);
    const bound = (await call('GET', `${PODS}/p`)).json;
    expect(bound).toMatchObject({
      spec: { nodeName: 'n' },
      status: { conditions: [{ type: 'PodScheduled', status: 'True' }] },
    });
    const again = await call('POST', `${PODS}/p/binding`, binding('m'));
    expect([again.status, again.json.message]).toEqual([
      409,
      'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n"',
    ]);
  });

  test('SRV24: a namespace ends when its content has gone', async () => {
    const { call } = await testServer();
    await call('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'x' },
    });
    const marked = (await call('DELETE', '/api/v1/namespaces/x')).json;
    expect(marked.status).toEqual({ phase: 'Terminating' });
    const refused = await call('POST', '/api/v1/namespaces/x/configmaps', map('a'));
    expect(refused.status).toBe(403);
    expect(refused.json.details).toMatchObject({ causes: [{ reason: 'NamespaceTerminating' }] });
    const gone = await call('PUT', '/api/v1/namespaces/x/finalize', { ...marked, spec: { finalizers: [] } });
    expect(gone.status).toBe(200);
    expect((await call('GET', '/api/v1/namespaces/x')).status).toBe(404);
  });

  test('SRV24: a create that began before the namespace ended does not slip in', async () => {
    const { call } = await testServer();
    await call('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'x' },
    });
    const [, created] = await Promise.all([
      call('DELETE', '/api/v1/namespaces/x'),
      call('POST', '/api/v1/namespaces/x/configmaps', map('a')),
    ]);
    expect(created.status).toBe(403);
  });

  test('SRV25: the built-in namespaces are there and stay', async () => {
    const { call, store } = await testServer();
    for (const name of ['default', 'kube-system', 'kube-node-lease', 'holdfast-system']) {
      expect((await call('DELETE', `/api/v1/namespaces/${name}`)).status).toBe(403);
      expect((await call('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`)).status).toBe(200);
    }
    const before = store.revision;
    await testServer({ store });
    expect(store.revision).toBe(before);
  });
});
