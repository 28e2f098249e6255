// The operations of a kind as OpenAPI paths. kubectl reads from them that `fieldValidation` and `dryRun` are
// understood (without that it refuses to apply) and which kind a resource has (explain).
import { groupVersionOf } from '../discovery.ts';
import type { JsonObject } from '../json.ts';
import type { KindDefinition } from '../kind.ts';
import type { SchemaCollector } from './schemas.ts';

type ValueType = 'string' | 'integer' | 'boolean';
type Parameters = Readonly<Record<string, ValueType>>;

const WRITE: Parameters = { dryRun: 'string', fieldManager: 'string', fieldValidation: 'string' };
const PATCH: Parameters = { ...WRITE, force: 'boolean' };
const DELETE: Parameters = {
  dryRun: 'string',
  gracePeriodSeconds: 'integer',
  orphanDependents: 'boolean',
  propagationPolicy: 'string',
};
const LIST: Parameters = {
  allowWatchBookmarks: 'boolean',
  continue: 'string',
  fieldSelector: 'string',
  labelSelector: 'string',
  limit: 'integer',
  resourceVersion: 'string',
  resourceVersionMatch: 'string',
  sendInitialEvents: 'boolean',
  timeoutSeconds: 'integer',
  watch: 'boolean',
};

const PATCH_BODIES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

/** How a version of OpenAPI writes parameters, bodies and responses. */
export interface Dialect {
  parameter(name: string, place: 'path' | 'query', type: ValueType): JsonObject;
  /** What an operation has for its body: v3 a requestBody, v2 one more parameter. */
  body(schema: JsonObject, mediaTypes: readonly string[]): JsonObject;
  response(schema: JsonObject): JsonObject;
}

export const v3: Dialect = {
  parameter: (name, place, type) => ({
    name,
    in: place,
    schema: { type, uniqueItems: true },
    ...(place === 'path' ? { required: true } : {}),
  }),
  body: (schema, mediaTypes) => ({
    requestBody: { content: Object.fromEntries(mediaTypes.map((type) => [type, { schema }])) },
  }),
  response: (schema) => ({
    200: { description: 'OK', content: { 'application/json': { schema } } },
    401: { description: 'Unauthorized' },
  }),
};

export const v2: Dialect = {
  parameter: (name, place, type) => ({
    name,
    in: place,
    type,
    uniqueItems: true,
    ...(place === 'path' ? { required: true } : {}),
  }),
  body: (schema, mediaTypes) => ({
    consumes: mediaTypes,
    bodyParameter: { name: 'body', in: 'body', required: true, schema },
  }),
  response: (schema) => ({
    200: { description: 'OK', schema },
    401: { description: 'Unauthorized' },
  }),
};

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

interface OperationFacts {
  readonly method: Method;
  readonly action: string;
  readonly parameters?: Parameters;
  readonly body?: { readonly schema: JsonObject; readonly types: readonly string[] };
  readonly result: JsonObject;
}

/** `/api/v1`, `/apis/storage.k8s.io/v1` */
export function groupVersionPath(group: string, version: string): string {
  return `${group === '' ? '/api' : '/apis'}/${groupVersionOf(group, version)}`;
}

/** Every path of `kind`. Its schemas have been collected. */
export function pathsOf(kind: KindDefinition, schemas: SchemaCollector, dialect: Dialect): JsonObject {
  const { group, version, plural, namespaced } = kind.resource;
  const base = groupVersionPath(group, version);
  const scope = namespaced ? '/namespaces/{namespace}' : '';
  const collection = `${base}${scope}/${plural}`;
  const item = `${collection}/{name}`;
  const path = (names: readonly string[], operations: readonly OperationFacts[]): JsonObject => ({
    ...Object.fromEntries(operations.map((facts) => [facts.method, operation(kind, facts, dialect)])),
    parameters: names.map((name) => dialect.parameter(name, 'path', 'string')),
  });
  const place = namespaced ? ['namespace'] : [];
  const whole = schemas.ref(kind.typeName);
  const patches =
    kind.custom === undefined ? PATCH_BODIES : PATCH_BODIES.filter((type) => !type.includes('strategic'));
  const list: OperationFacts = {
    method: 'get',
    action: 'list',
    parameters: LIST,
    result: schemas.listRef(kind.typeName),
  };
  return {
    ...(namespaced ? { [`${base}/${plural}`]: path([], [list]) } : {}),
    [collection]: path(place, [list, create(whole), deletion('deletecollection', schemas)]),
    [item]: path([...place, 'name'], [...readAndWrite(whole, patches), deletion('delete', schemas)]),
    ...Object.fromEntries(
      kind.subresources.map((name) => [
        `${item}/${name}`,
        path([...place, 'name'], subresource(name, whole, { schemas, patches })),
      ]),
    ),
  };
}

function create(schema: JsonObject): OperationFacts {
  const body = { schema, types: ['application/json', 'application/yaml'] };
  return { method: 'post', action: 'post', parameters: WRITE, body, result: schema };
}

function readAndWrite(schema: JsonObject, patches: readonly string[]): OperationFacts[] {
  const body = { schema, types: ['application/json', 'application/yaml'] };
  return [
    { method: 'get', action: 'get', result: schema },
    { method: 'put', action: 'put', parameters: WRITE, body, result: schema },
    {
      method: 'patch',
      action: 'patch',
      parameters: PATCH,
      body: { schema: { type: 'object' }, types: patches },
      result: schema,
    },
  ];
}

function deletion(action: 'delete' | 'deletecollection', schemas: SchemaCollector): OperationFacts {
  const body = { schema: schemas.ref('meta/v1.DeleteOptions'), types: ['application/json'] };
  const parameters = action === 'delete' ? DELETE : { ...DELETE, ...LIST };
  return { method: 'delete', action, parameters, body, result: schemas.ref('meta/v1.Status') };
}

function subresource(
  name: KindDefinition['subresources'][number],
  whole: JsonObject,
  { schemas, patches }: { readonly schemas: SchemaCollector; readonly patches: readonly string[] },
): OperationFacts[] {
  switch (name) {
    case 'status':
      return readAndWrite(whole, patches);
    case 'binding':
      return [create(schemas.ref('core/v1.Binding'))];
    case 'finalize':
      return readAndWrite(whole, patches).filter(({ method }) => method === 'put');
    case 'log':
      return [{ method: 'get', action: 'get', result: { type: 'string' } }];
    case 'exec':
      return (['get', 'post'] as const).map((method) => ({
        method,
        action: 'connect',
        result: { type: 'string' },
      }));
  }
}

function operation(kind: KindDefinition, facts: OperationFacts, dialect: Dialect): JsonObject {
  const { group, version, kind: name } = kind.resource;
  const query = Object.entries(facts.parameters ?? {});
  const parameters = query.map(([parameter, type]) => dialect.parameter(parameter, 'query', type));
  const { bodyParameter, ...body } =
    facts.body === undefined ? {} : dialect.body(facts.body.schema, facts.body.types);
  return {
    ...body,
    parameters: bodyParameter === undefined ? parameters : [bodyParameter, ...parameters],
    responses: dialect.response(facts.result),
    'x-kubernetes-action': facts.action,
    'x-kubernetes-group-version-kind': { group, version, kind: name },
  };
}
