// The OpenAPI documents, v3 (an index and one document a group version) and v2, made from the schema table and the
// served kinds. Each is built when first asked for and kept as bytes.
import { sha256Hex } from '#base/sha256.ts';
import { encodeJson } from './encode.ts';
import { TABLE_JSON } from './generated/table.ts';
import type { JsonObject } from './json.ts';
import type { KindDefinition } from './kind.ts';
import { type Dialect, groupVersionPath, pathsOf, v2, v3 } from './openapi/paths.ts';
import { emptyV2Protobuf } from './openapi/v2-protobuf.ts';
import { SchemaCollector } from './openapi/schemas.ts';

export interface OpenApi {
  /** Changes whenever a document does: serves as ETag and as the hash in the index. */
  readonly hash: string;
  /** `/openapi/v3` */
  index(): Uint8Array;
  /** `/openapi/v3/<path>`, with `api/v1` or `apis/storage.k8s.io/v1`; undefined when it is not served. */
  document(path: string): Uint8Array | undefined;
  /** `/openapi/v2` in JSON. */
  v2(): Uint8Array;
  /** `/openapi/v2` in protobuf, which describes nothing: clients with protobuf know v3. */
  v2Protobuf(): Uint8Array;
}

export interface OpenApiOptions {
  /** The version that the documents give the API: `v1.36.0`. */
  readonly version: string;
}

export function createOpenApi(kinds: readonly KindDefinition[], { version }: OpenApiOptions): OpenApi {
  const info: JsonObject = { title: 'Kubernetes', version };
  const groupVersions = Map.groupBy(kinds, ({ resource }) =>
    groupVersionPath(resource.group, resource.version).slice(1),
  );
  const hash = hashOf(kinds, version);
  const built = new Map<string, Uint8Array>();
  const once = (key: string, build: () => JsonObject): Uint8Array => {
    const bytes = built.get(key) ?? encodeJson(build());
    built.set(key, bytes);
    return bytes;
  };
  return {
    hash,
    index: () => once('', () => indexDocument([...groupVersions.keys()], hash)),
    document: (path) => {
      const served = groupVersions.get(path);
      return served === undefined ? undefined : once(path, () => v3Document(info, served));
    },
    v2: () => once('v2', () => v2Document(info, kinds)),
    v2Protobuf: () => emptyV2Protobuf({ title: 'Kubernetes', version }),
  };
}

function hashOf(kinds: readonly KindDefinition[], version: string): string {
  const served = kinds.map(({ resource, typeName, subresources, custom }) => [
    resource,
    typeName,
    subresources,
    custom?.openApi ?? null,
  ]);
  return sha256Hex(`${version}${JSON.stringify(served)}${TABLE_JSON}`).toUpperCase();
}

function indexDocument(paths: readonly string[], hash: string): JsonObject {
  const entries = paths.map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }]);
  return { paths: Object.fromEntries(entries) };
}

function collect(kinds: readonly KindDefinition[], schemas: SchemaCollector): void {
  for (const kind of kinds) schemas.addKind(kind);
  schemas.ref('meta/v1.DeleteOptions');
  const versions = new Map(kinds.map(({ resource }) => [`${resource.group}/${resource.version}`, resource]));
  const deleteOptions = [...versions.values()].map(({ group, version }) => ({
    group,
    version,
    kind: 'DeleteOptions',
  }));
  schemas.markKind('meta/v1.DeleteOptions', deleteOptions);
  schemas.ref('meta/v1.Status');
  schemas.markKind('meta/v1.Status', [{ group: '', version: 'v1', kind: 'Status' }]);
}

function allPaths(kinds: readonly KindDefinition[], schemas: SchemaCollector, dialect: Dialect): JsonObject {
  return Object.fromEntries(kinds.flatMap((kind) => Object.entries(pathsOf(kind, schemas, dialect))));
}

function v3Document(info: JsonObject, kinds: readonly KindDefinition[]): JsonObject {
  const schemas = new SchemaCollector('#/components/schemas/');
  collect(kinds, schemas);
  const paths = allPaths(kinds, schemas, v3);
  return { openapi: '3.0.0', info, paths, components: { schemas: schemas.schemas() } };
}

function v2Document(info: JsonObject, kinds: readonly KindDefinition[]): JsonObject {
  const schemas = new SchemaCollector('#/definitions/');
  collect(kinds, schemas);
  const paths = allPaths(kinds, schemas, v2);
  return { swagger: '2.0', info, paths, definitions: schemas.schemas() };
}
