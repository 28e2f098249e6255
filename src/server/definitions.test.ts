// Kinds that users bring: served from the commit of their definition on, in discovery, OpenAPI and REST, until it is
// deleted; and the built-in custom resources over the same road.
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#api/json.ts';
import { memoryStore } from '#store/memory.ts';
import { type TestServer, testServer } from '#testing/api-server.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets';

const spec = (version: JsonObject = {}): JsonObject => ({
  type: 'object',
  properties: {
    size: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self >= oldSelf', message: 'only up' }] },
  },
  ...version,
});

function definition(changes: JsonObject = {}, version: JsonObject = {}): JsonObject {
  return {
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { kind: 'Widget', plural: 'widgets', shortNames: ['wd'] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec: spec() } } },
          ...version,
        },
      ],
      ...changes,
    },
  };
}

const widget = (name: string, size: number): JsonObject => ({ metadata: { name }, spec: { size } });

async function withWidgets(): Promise<TestServer> {
  const world = await testServer();
  expect((await world.call('POST', CRDS, definition())).status).toBe(201);
  return world;
}

describe('definitions', () => {
  test('SRV60: a defined kind is served at once, with its schema and rules', async () => {
    const { call, watch } = await withWidgets();
    const reader = await watch(`${WIDGETS}?watch=true`);
    expect((await call('POST', WIDGETS, widget('a', 1))).status).toBe(201);
    expect(await reader.take(1)).toEqual(['ADDED a']);
    reader.close();
    expect(
      (await call('POST', `${WIDGETS}?fieldValidation=Strict`, { ...widget('b', 1), more: 1 })).status,
    ).toBe(400);
    const shrunk = await call('PATCH', `${WIDGETS}/a`, { spec: { size: 0 } });
    expect([shrunk.status, shrunk.json.message]).toEqual([
      422,
      'Widget.example.com "a" is invalid: spec.size: Invalid value: "integer": only up',
    ]);
    const grown = await call('PATCH', `${WIDGETS}/a`, { spec: { size: 2 } });
    expect(grown.json.metadata).toMatchObject({ generation: 2 });
    const list = (await call('GET', WIDGETS)).json;
    expect([list.kind, list.apiVersion]).toEqual(['WidgetList', 'example.com/v1']);
  });

  test('SRV60: discovery and OpenAPI show it', async () => {
    const { call } = await withWidgets();
    const found = (await call('GET', '/apis/example.com/v1')).json.resources;
    expect(found).toEqual([expect.objectContaining({ name: 'widgets', kind: 'Widget', shortNames: ['wd'] })]);
    const document = (await call('GET', '/openapi/v3/apis/example.com/v1')).text;
    expect(document).toContain('com.example.v1.Widget');
    expect((await call('GET', '/openapi/v2')).text).toContain('com.example.v1.Widget');
    const { status } = (await call('GET', `${CRDS}/widgets.example.com`)).json;
    expect(status).toMatchObject({
      conditions: [{ type: 'NamesAccepted' }, { type: 'Established', status: 'True' }],
      storedVersions: ['v1'],
    });
  });

  test('SRV60: a new schema holds from then on', async () => {
    const { call } = await withWidgets();
    const schema = {
      openAPIV3Schema: { type: 'object', properties: { spec: spec({ required: ['size'] }) } },
    };
    const { versions } = definition({}, { schema }).spec as JsonObject;
    expect((await call('PATCH', `${CRDS}/widgets.example.com`, { spec: { versions } })).status).toBe(200);
    expect((await call('POST', WIDGETS, { metadata: { name: 'a' }, spec: {} })).status).toBe(422);
  });

  test('SRV61: custom resources have neither protobuf nor strategic merge patches', async () => {
    const { call } = await withWidgets();
    await call('POST', WIDGETS, widget('a', 1));
    const accept = 'application/vnd.kubernetes.protobuf,application/json';
    const { headers } = await call('GET', `${WIDGETS}/a`, undefined, { headers: { accept } });
    expect(headers['content-type']).toBe('application/json');
    const strategic = { headers: { 'content-type': 'application/strategic-merge-patch+json' } };
    expect((await call('PATCH', `${WIDGETS}/a`, '{}', strategic)).status).toBe(415);
    const protobuf = { headers: { 'content-type': 'application/vnd.kubernetes.protobuf' } };
    expect((await call('POST', WIDGETS, 'k8s', protobuf)).status).toBe(415);
  });

  test('SRV62: every served version shows the same objects', async () => {
    const { call, watch } = await testServer();
    const group = '/apis/groupsnapshot.storage.k8s.io';
    const object = { metadata: { name: 'c' }, driver: 'd', deletionPolicy: 'Delete' };
    const older = `${group}/v1beta2/volumegroupsnapshotclasses`;
    const made = await call('POST', older, object);
    expect([made.status, made.json.apiVersion]).toEqual([201, 'groupsnapshot.storage.k8s.io/v1beta2']);
    const newer = await call('GET', `${group}/v1/volumegroupsnapshotclasses/c`);
    expect(newer.json.apiVersion).toBe('groupsnapshot.storage.k8s.io/v1');
    const changed = await call('PATCH', `${older}/c`, { metadata: { labels: { a: 'b' } } });
    expect([changed.status, changed.json.apiVersion]).toEqual([200, 'groupsnapshot.storage.k8s.io/v1beta2']);
    const list = (await call('GET', older)).json.items as readonly JsonObject[];
    expect(list.map(({ apiVersion }) => apiVersion)).toEqual(['groupsnapshot.storage.k8s.io/v1beta2']);
    const reader = await watch(`${older}?watch=true`);
    expect((await reader.next())?.object).toMatchObject({
      apiVersion: 'groupsnapshot.storage.k8s.io/v1beta2',
    });
    reader.close();
  });

  test('SRV63: a definition takes its objects with it', async () => {
    const { call, clock, server } = await withWidgets();
    const stop = new AbortController();
    const services = server.services.map((service) => service.run(stop.signal));
    await call('POST', WIDGETS, {
      ...widget('a', 1),
      metadata: { name: 'a', finalizers: ['example.com/held'] },
    });
    await call('DELETE', `${CRDS}/widgets.example.com`);
    await clock.advance(2_000);
    expect((await call('POST', WIDGETS, widget('b', 1))).status).toBe(405);
    expect((await call('GET', `${WIDGETS}/a`)).json.metadata).toHaveProperty('deletionTimestamp');
    await call('PATCH', `${WIDGETS}/a`, { metadata: { finalizers: null } });
    await clock.advance(2_000);
    expect((await call('GET', `${CRDS}/widgets.example.com`)).status).toBe(404);
    expect((await call('GET', WIDGETS)).status).toBe(404);
    stop.abort();
    await Promise.all(services);
  });

  test('SRV64: the built-in definitions can be read and stay', async () => {
    const { call, clock, server } = await testServer();
    const stop = new AbortController();
    const services = server.services.map((service) => service.run(stop.signal));
    await clock.advance(2_000);
    const items = (await call('GET', CRDS)).json.items as readonly JsonObject[];
    expect(items).toHaveLength(7);
    const name = 'volumesnapshots.snapshot.storage.k8s.io';
    expect((await call('DELETE', `${CRDS}/${name}`)).status).toBe(403);
    expect((await call('PATCH', `${CRDS}/${name}`, { metadata: { labels: { a: 'b' } } })).status).toBe(200);
    expect((await call('GET', '/apis/gateway.networking.k8s.io/v1beta1/referencegrants')).status).toBe(200);
    stop.abort();
    await Promise.all(services);
  });

  test.each<[string, JsonObject, string]>([
    ['another name', { ...definition(), metadata: { name: 'x.example.com' } }, 'must be spec.names.plural'],
    ['a group without a dot', definition({ group: 'example' }), 'should be a domain with at least one dot'],
    ['no schema', definition({}, { schema: {} }), 'schemas are required'],
    ['no storage version', definition({}, { storage: false }), 'exactly one version marked as storage'],
    [
      'a webhook',
      definition({ conversion: { strategy: 'Webhook' } }),
      'spec.conversion.strategy: Unsupported value',
    ],
    [
      'an untyped field',
      definition({}, { schema: { openAPIV3Schema: { type: 'object', properties: { a: {} } } } }),
      'must not be empty for specified object fields',
    ],
    [
      'a wrong pattern',
      definition(
        {},
        {
          schema: {
            openAPIV3Schema: { type: 'object', properties: { a: { type: 'string', pattern: '(?=x)' } } },
          },
        },
      ),
      'must be a regular expression of RE2',
    ],
    [
      'a wrong rule',
      definition(
        {},
        { schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.(' }] } } },
      ),
      'compilation failed',
    ],
    [
      'a wrong column',
      definition({}, { additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: 'spec..a' }] }),
      'is an invalid json path',
    ],
  ])('SRV65: a definition with %s is 422', async (_, body, text) => {
    const { call } = await testServer();
    const { status, json } = await call('POST', CRDS, body);
    expect([status, json.message]).toEqual([422, expect.stringContaining(text)]);
  });

  test('SRV65: group, scope and names of a definition are fixed', async () => {
    const { call } = await withWidgets();
    const { status } = await call('PATCH', `${CRDS}/widgets.example.com`, { spec: { scope: 'Cluster' } });
    expect(status).toBe(422);
  });

  test('SRV66: a restart finds definitions and objects', async () => {
    const store = memoryStore();
    const before = await testServer({ store });
    await before.call('POST', CRDS, definition());
    await before.call('POST', WIDGETS, widget('a', 1));
    const after = await testServer({ store });
    expect((await after.call('GET', `${WIDGETS}/a`)).json.spec).toEqual({ size: 1 });
  });
});
