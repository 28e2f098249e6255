import { describe, expect, it } from 'vitest';
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from './discovery.ts';
import { ageOf, humanDuration } from './human-duration.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { kindOf, servedKinds } from './kinds/index.ts';
import { createOpenApi } from './openapi.ts';
import { partialObjectMetadata } from './partial-metadata.ts';
import { findType, type TypeRef, typeNamed, typeNameOf, typeNames } from './schema.ts';
import { parseIncludeObject, tableOf } from './table.ts';

function read(bytes: Uint8Array | undefined): JsonObject {
  const value: unknown = JSON.parse(Buffer.from(bytes ?? []).toString());
  if (!isJsonObject(value)) throw new Error('not an object');
  return value;
}

/** The member at `path`, which must be there. */
function at(value: JsonValue | undefined, ...path: string[]): JsonObject {
  const found = path.reduce<JsonValue | undefined>(
    (node, key) => (isJsonObject(node) ? node[key] : undefined),
    value,
  );
  if (!isJsonObject(found)) throw new Error(`no object at ${path.join(' ')}`);
  return found;
}

describe('the schema table', () => {
  it('API41: every reference resolves', () => {
    const leaf = (type: TypeRef): TypeRef =>
      type.kind === 'list' || type.kind === 'map' ? leaf(type.of) : type;
    const names = typeNames();
    expect(names.length).toBeGreaterThan(500);
    for (const name of names) {
      for (const field of typeNamed(name).fields.values()) {
        const type = leaf(field.type);
        if (type.kind === 'ref') expect(findType(type.name), `${name}.${field.name}`).toBeDefined();
      }
    }
    expect(findType('constructor')).toBeUndefined();
  });

  it('API41: kinds name their type', () => {
    for (const { resource, typeName, custom } of servedKinds) {
      if (custom !== undefined) continue;
      expect(typeNameOf(resource.group, resource.version, resource.kind)).toBe(typeName);
    }
  });
});

describe('OpenAPI', () => {
  const openApi = createOpenApi(servedKinds, { version: 'v1.36.0' });
  const core = read(openApi.document('api/v1'));
  const storage = read(openApi.document('apis/storage.k8s.io/v1'));

  it('API34: the index names each group version with a hash', () => {
    const { paths } = read(openApi.index());
    expect(paths).toMatchObject({
      'api/v1': { serverRelativeURL: `/openapi/v3/api/v1?hash=${openApi.hash}` },
      'apis/storage.k8s.io/v1': {},
      'apis/coordination.k8s.io/v1': {},
    });
    expect(openApi.document('apis/none/v1')).toBeUndefined();
  });

  it('API45: v2 in protobuf has its version, no path and no type', () => {
    const info = Buffer.from('\n\nKubernetes\u0012\u0007v1.36.0');
    const expected = [
      Buffer.from('\n\u00032.0\u0012'),
      Buffer.of(info.length),
      info,
      Buffer.of(0x42, 0, 0x4a, 0),
    ];
    expect(Buffer.from(openApi.v2Protobuf())).toEqual(Buffer.concat(expected));
  });

  it('API34: every reference resolves within its document', () => {
    const check = (document: JsonObject, schemas: JsonObject, prefix: string) => {
      const refs = JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g);
      const names = new Set([...refs].map(([, ref = '']) => ref));
      expect(names.size).toBeGreaterThan(10);
      for (const ref of names) expect(schemas).toHaveProperty([ref.replace(prefix, '')]);
    };
    for (const document of [core, storage]) {
      check(document, at(document, 'components', 'schemas'), '#/components/schemas/');
    }
    const v2 = read(openApi.v2());
    check(v2, at(v2, 'definitions'), '#/definitions/');
  });

  it('API34: schemas carry kinds, patch rules and formats', () => {
    const schemas = at(core, 'components', 'schemas');
    expect(schemas['io.k8s.api.core.v1.Pod']).toMatchObject({
      type: 'object',
      'x-kubernetes-group-version-kind': [{ group: '', version: 'v1', kind: 'Pod' }],
    });
    expect(at(schemas, 'io.k8s.api.core.v1.PodSpec', 'properties')).toMatchObject({
      containers: {
        type: 'array',
        'x-kubernetes-patch-merge-key': 'name',
        'x-kubernetes-patch-strategy': 'merge',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      },
      volumes: { 'x-kubernetes-patch-strategy': 'merge,retainKeys' },
      priority: { type: 'integer', format: 'int32' },
    });
    expect(at(storage, 'components', 'schemas')).toHaveProperty(['io.k8s.api.storage.v1.StorageClassList']);
  });

  it('API35: every PATCH of every kind carries what kubectl looks for', () => {
    const wanted = ['dryRun', 'fieldManager', 'fieldValidation', 'force'];
    const documents = [...new Set(servedKinds.map(({ resource }) => resource))].map(({ group, version }) =>
      read(openApi.document(group === '' ? `api/${version}` : `apis/${group}/${version}`)),
    );
    for (const document of [...documents, read(openApi.v2())]) {
      const patches = Object.entries(at(document, 'paths')).flatMap(([path, item]) =>
        isJsonObject(item) && isJsonObject(item.patch) ? [{ path, patch: item.patch }] : [],
      );
      expect(patches.length).toBeGreaterThan(0);
      for (const { path, patch } of patches) {
        const parameters = (Array.isArray(patch.parameters) ? patch.parameters : []).filter(isJsonObject);
        expect(
          parameters.map(({ name }) => name),
          path,
        ).toEqual(expect.arrayContaining(wanted));
        expect(patch['x-kubernetes-group-version-kind'], path).toHaveProperty('kind');
      }
    }
  });

  it('API35: paths exist for namespaced and cluster-scoped kinds and their subresources', () => {
    const paths = at(core, 'paths');
    for (const path of [
      '/api/v1/pods',
      '/api/v1/namespaces/{namespace}/pods',
      '/api/v1/namespaces/{namespace}/pods/{name}/status',
      '/api/v1/namespaces/{namespace}/pods/{name}/binding',
      '/api/v1/nodes/{name}',
    ]) {
      expect(paths).toHaveProperty([path]);
    }
    expect(at(storage, 'paths')).toHaveProperty(['/apis/storage.k8s.io/v1/storageclasses/{name}']);
  });
});

describe('discovery', () => {
  it('API36: groups, versions and resources', () => {
    expect(apiVersions('127.0.0.1:6443')).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    const groups = apiGroupList(servedKinds).groups;
    expect(groups).toContainEqual({
      name: 'storage.k8s.io',
      versions: [{ groupVersion: 'storage.k8s.io/v1', version: 'v1' }],
      preferredVersion: { groupVersion: 'storage.k8s.io/v1', version: 'v1' },
    });
    expect(apiGroup(servedKinds, 'storage.k8s.io')).toMatchObject({
      kind: 'APIGroup',
      name: 'storage.k8s.io',
    });
    expect(apiGroup(servedKinds, 'none')).toBeUndefined();
    expect(apiGroup(servedKinds, '')).toBeUndefined();
  });

  it('API36: a resource list names resources, short names, subresources and verbs', () => {
    const list = apiResourceList(servedKinds, '', 'v1');
    expect(list).toMatchObject({ kind: 'APIResourceList', groupVersion: 'v1' });
    expect(list?.resources).toContainEqual(
      expect.objectContaining({
        name: 'persistentvolumeclaims',
        kind: 'PersistentVolumeClaim',
        shortNames: ['pvc'],
      }),
    );
    expect(list?.resources).toContainEqual(
      expect.objectContaining({ name: 'pods/binding', kind: 'Binding', verbs: ['create'] }),
    );
    expect(apiResourceList(servedKinds, '', 'v2')).toBeUndefined();
  });

  it('API37: the aggregated form holds every kind once, core apart from the rest', () => {
    const core = aggregatedDiscovery(servedKinds, '/api');
    const rest = aggregatedDiscovery(servedKinds, '/apis');
    expect(core).toMatchObject({ apiVersion: 'apidiscovery.k8s.io/v2', kind: 'APIGroupDiscoveryList' });
    const count = (document: JsonObject) => JSON.stringify(document).match(/"resource":/g)?.length ?? 0;
    expect(count(core) + count(rest)).toBe(servedKinds.length);
    expect(JSON.stringify(core)).toContain(
      '"subresource":"status","responseKind":{"group":"","version":"v1","kind":',
    );
    expect(JSON.stringify(rest)).not.toContain('"resource":"pods"');
  });
});

describe('tables and partial metadata', () => {
  const claim: JsonObject = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: {},
    status: { phase: 'Pending' },
  };
  const kind = kindOf('PersistentVolumeClaim');
  const table = (include: 'None' | 'Metadata' | 'Object') =>
    tableOf(kind, [claim], {
      include,
      now: Date.parse('2026-01-01T00:02:05Z'),
      metadata: { resourceVersion: '7' },
    });

  it('API38: Name first, then the columns of the kind, a cell for each', () => {
    const { columnDefinitions, rows, metadata, apiVersion } = table('None');
    expect(apiVersion).toBe('meta.k8s.io/v1');
    expect(metadata).toEqual({ resourceVersion: '7' });
    const columns = Array.isArray(columnDefinitions) ? columnDefinitions.filter(isJsonObject) : [];
    expect(columns[0]).toMatchObject({ name: 'Name', type: 'string', format: 'name', priority: 0 });
    const row: unknown = Array.isArray(rows) ? rows[0] : undefined;
    expect(row).toMatchObject({ cells: expect.arrayContaining(['data', 'Pending', '2m5s']), object: null });
    expect(row).toHaveProperty('cells.length', columns.length);
    expect(columns.length).toBe(kind.columns.length + 1);
  });

  it('API38: a row carries what is asked for', () => {
    const object = (include: 'Metadata' | 'Object') => JSON.stringify(table(include).rows);
    expect(object('Metadata')).toContain('"object":{"kind":"PartialObjectMetadata"');
    expect(object('Object')).toContain(`"object":${JSON.stringify(claim)}`);
    expect(parseIncludeObject(undefined)).toBe('Metadata');
    expect(() => parseIncludeObject('All')).toThrow('includeObject "All" is not valid');
  });

  it('API40: metadata and nothing else', () => {
    expect(partialObjectMetadata(claim)).toEqual({
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: claim.metadata,
    });
  });

  const [S, M, H, D] = [1000, 60_000, 3_600_000, 86_400_000];
  const ages = [
    { ms: -2 * S, is: '<invalid>' },
    { ms: -S, is: '0s' },
    { ms: 119_999, is: '119s' },
    { ms: 2 * M, is: '2m' },
    { ms: 2 * M + 5 * S, is: '2m5s' },
    { ms: 10 * M + 5 * S, is: '10m' },
    { ms: 179 * M, is: '179m' },
    { ms: 3 * H, is: '3h' },
    { ms: 3 * H + M, is: '3h1m' },
    { ms: 8 * H + M, is: '8h' },
    { ms: 47 * H, is: '47h' },
    { ms: 2 * D + H, is: '2d1h' },
    { ms: 8 * D + H, is: '8d' },
    { ms: 729 * D, is: '729d' },
    { ms: 731 * D, is: '2y1d' },
    { ms: 3000 * D, is: '8y' },
  ];
  it.each(ages)('API39: $ms ms are $is', ({ ms, is }) => {
    expect(humanDuration(ms)).toBe(is);
  });

  it('API39: an age without a time is unknown', () => {
    expect(ageOf(undefined, 0)).toBe('<unknown>');
    expect(ageOf('2026-01-01T00:00:00Z', Date.parse('2026-01-01T00:01:00Z'))).toBe('60s');
  });
});
