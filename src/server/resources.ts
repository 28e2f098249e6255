// The verbs on resources: reads a request's query and body, calls the registry, and renders what it returns.
import { type DecodeOptions, decodeObject, decodeValue, type FieldValidation } from '#api/decode.ts';
import { mediaType } from '#api/parse-body.ts';
import { parsePatch } from '#api/patch/apply-patch.ts';
import { decodeProtobuf } from '#api/protobuf/decode.ts';
import { PROTOBUF_TYPE } from '#api/protobuf/encode.ts';
import type { JsonObject } from '#api/json.ts';
import type { KindDefinition } from '#api/kind.ts';
import type { ApiRequest, ApiResponse, UserInfo } from '#api/request.ts';
import { badRequest, methodNotAllowed, notFound, pathNotFound, unsupportedMediaType } from '#api/status.ts';
import { type Form, negotiateForm } from './negotiate.ts';
import { bindPod } from './registry/binding.ts';
import { createObject } from './registry/create.ts';
import { deleteObject } from './registry/delete.ts';
import { readDeleteOptions, readDryRun } from './registry/delete-options.ts';
import type { RegistryDeps, Written } from './registry/deps.ts';
import type { Target } from './registry/target.ts';
import { finalizeNamespace } from './registry/finalize.ts';
import { listObjects, reachRevision } from './registry/list.ts';
import { parseRevision, planList, planWatch } from './registry/list-options.ts';
import { apiVersionOf, metaText } from './registry/stored-form.ts';
import { type NewObject, updateObject } from './registry/update.ts';
import { renderList, renderObject, renderOptions } from './render.ts';
import { formResponse, jsonResponse } from './respond.ts';
import type { ResourceRoute } from './router.ts';
import { selectObjects } from './watch-cache/object-selector.ts';
import type { StoredObject } from './watch-cache/stored-object.ts';
import { openWatch } from './watch-stream.ts';

/** Custom resources have no protobuf form. */
const CUSTOM_TYPES = ['application/json', 'application/yaml'];

/** A request that has been routed, authenticated and authorized. */
export interface ResourceRequest {
  readonly route: ResourceRoute;
  readonly user: UserInfo;
  readonly request: ApiRequest;
}

type VerbHandler = (deps: RegistryDeps, request: ResourceRequest) => Promise<ApiResponse>;

const VERBS: Readonly<Record<ResourceRoute['verb'], VerbHandler>> = {
  get: handleGet,
  list: handleList,
  watch: handleWatch,
  create: handleCreate,
  update: handleUpdate,
  patch: handlePatch,
  delete: handleDelete,
  deletecollection: handleDeleteCollection,
};

/** Answers one verb on a resource. Throws StatusErrors. */
export function handleResource(deps: RegistryDeps, request: ResourceRequest): Promise<ApiResponse> {
  return VERBS[request.route.verb](deps, request);
}

async function handleGet(deps: RegistryDeps, request: ResourceRequest): Promise<ApiResponse> {
  const { definition, namespace, name = '', query, subresource } = request.route;
  if (subresource !== undefined && subresource !== 'status') throw methodNotAllowed();
  await reachRevision(deps, parseRevision(query.get('resourceVersion') ?? ''));
  const stored = deps.cache.get(definition, namespace, name);
  if (stored === undefined) throw notFound(definition.resource, name);
  return objectResponse(deps, request, 200, { stored, warnings: [] });
}

async function handleList(deps: RegistryDeps, { route, request }: ResourceRequest): Promise<ApiResponse> {
  const form = formOf(route, request);
  const options = renderOptions(form, route.definition, route.query, deps.clock.now());
  const selector = selectObjects(route.definition, route.namespace, route.query);
  const page = await listObjects(deps, route.definition, selector, planList(route.query));
  return formResponse(200, form, renderList(page, options));
}

async function handleWatch(deps: RegistryDeps, { route, request }: ResourceRequest): Promise<ApiResponse> {
  const form = formOf(route, request);
  const { definition, query } = route;
  const body = await openWatch(deps, {
    plan: planWatch(query),
    selector: selectObjects(definition, route.namespace, query),
    render: () => renderOptions(form, definition, query, deps.clock.now()),
    signal: request.signal,
  });
  return formResponse(200, form, body, { watch: true });
}

async function handleCreate(deps: RegistryDeps, request: ResourceRequest): Promise<ApiResponse> {
  const { definition, namespace, name, query, subresource } = request.route;
  const options = { user: request.user, dryRun: readDryRun(query.getAll('dryRun')) };
  if (subresource !== undefined) {
    if (subresource !== 'binding' || name === undefined) throw methodNotAllowed();
    const { object, warnings } = decodeBody(request, { typeName: 'core/v1.Binding', kind: 'Binding' });
    await bindPod(deps, { definition, namespace, name }, object, options);
    return jsonResponse(201, successStatus(), warnings);
  }
  if (definition.custom?.isEnding === true) {
    throw methodNotAllowed('create not allowed while custom resource definition is terminating');
  }
  const decoded = decodeBody(request);
  const place = { definition, namespace: namespace ?? namespaceFor(definition) };
  const written = await createObject(deps, place, decoded.object, options);
  return objectResponse(deps, request, 201, withWarnings(written, decoded.warnings));
}

/** A namespaced kind is created in a namespace of the URL: without one there is nowhere to create. */
function namespaceFor(definition: KindDefinition): undefined {
  if (definition.resource.namespaced) {
    throw badRequest('an empty namespace may not be set during creation');
  }
  return undefined;
}

async function handleUpdate(deps: RegistryDeps, request: ResourceRequest): Promise<ApiResponse> {
  const { query, subresource } = request.route;
  const options = { user: request.user, dryRun: readDryRun(query.getAll('dryRun')), subresource };
  const decoded = decodeBody(request);
  if (subresource === 'finalize') {
    const stored = await finalizeNamespace(deps, targetOf(request.route), decoded.object, options);
    return objectResponse(deps, request, 200, { stored, warnings: decoded.warnings });
  }
  if (subresource !== undefined && subresource !== 'status') throw methodNotAllowed();
  const written = await updateObject(deps, targetOf(request.route), () => decoded, options);
  return objectResponse(deps, request, 200, written);
}

async function handlePatch(deps: RegistryDeps, request: ResourceRequest): Promise<ApiResponse> {
  const { query, subresource, definition } = request.route;
  if (subresource !== undefined && subresource !== 'status') throw methodNotAllowed();
  const options = { user: request.user, dryRun: readDryRun(query.getAll('dryRun')), subresource };
  const { headers, body = new Uint8Array() } = request.request;
  const typeName = definition.custom === undefined ? definition.typeName : undefined;
  const patch = parsePatch(body, headers['content-type'] ?? '', typeName);
  const decodeOptions = decodeOptionsOf(request.route);
  const make: NewObject = (old) => {
    const versioned =
      definition.custom === undefined ? old : { ...old, apiVersion: apiVersionOf(definition) };
    return decodeValue(patch.apply(versioned), decodeOptions, patch.duplicates);
  };
  const written = await updateObject(deps, targetOf(request.route), make, options);
  return objectResponse(deps, request, 200, written);
}

async function handleDelete(deps: RegistryDeps, request: ResourceRequest): Promise<ApiResponse> {
  const { route, user } = request;
  const { headers, body } = request.request;
  const options = readDeleteOptions(body, headers['content-type'] ?? '', route.query);
  const changed = await deleteObject(deps, targetOf(route), { ...options, user });
  if (changed.kind === 'stored') {
    return objectResponse(deps, request, 200, { stored: changed.stored, warnings: [] });
  }
  return jsonResponse(200, successStatus(detailsOf(route.definition, changed.last)));
}

/** Objects deleted at a time by a deletecollection. */
const COLLECTION_WORKERS = 8;

async function handleDeleteCollection(deps: RegistryDeps, request: ResourceRequest): Promise<ApiResponse> {
  const { definition, namespace, query } = request.route;
  const { headers, body } = request.request;
  const options = {
    ...readDeleteOptions(body, headers['content-type'] ?? '', query),
    user: request.user,
  };
  const selector = selectObjects(definition, namespace, query);
  const page = await listObjects(deps, definition, selector, planList(query));
  const waiting = [...page.items];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await deleteListed(deps, definition, next, options);
    }
  };
  await Promise.all(Array.from({ length: COLLECTION_WORKERS }, work));
  return jsonResponse(200, renderList(page, renderOptions('object', definition, query, deps.clock.now())));
}

async function deleteListed(
  deps: RegistryDeps,
  definition: KindDefinition,
  stored: StoredObject,
  options: Parameters<typeof deleteObject>[2],
): Promise<void> {
  const namespace = definition.resource.namespaced ? stored.namespace : undefined;
  try {
    await deleteObject(deps, { definition, namespace, name: stored.name }, options);
  } catch (error) {
    // Somebody else was faster: what was asked for has happened.
    if (!isNotFound(error)) throw error;
  }
}

function isNotFound(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 404;
}

function targetOf({ definition, namespace, name }: ResourceRoute): Target {
  if (name === undefined) throw pathNotFound();
  return { definition, namespace, name };
}

function objectResponse(
  deps: RegistryDeps,
  { route, request }: ResourceRequest,
  status: number,
  { stored, warnings }: Written,
): ApiResponse {
  const form = formOf(route, request);
  const options = renderOptions(form, route.definition, route.query, deps.clock.now());
  return formResponse(status, form, renderObject(stored, options), { warnings });
}

function formOf({ definition }: ResourceRoute, { headers }: ApiRequest): Form {
  return negotiateForm(headers.accept, { protobuf: definition.custom === undefined });
}

function withWarnings(written: Written, warnings: readonly string[]): Written {
  return { stored: written.stored, warnings: [...warnings, ...written.warnings] };
}

function decodeBody(
  { route, request }: ResourceRequest,
  as: Partial<DecodeOptions> = {},
): ReturnType<typeof decodeObject> {
  const contentType = request.headers['content-type'] ?? '';
  const body = request.body ?? new Uint8Array();
  if (body.length === 0) throw badRequest('the request has no body: an object is needed');
  const options = { ...decodeOptionsOf(route), ...as };
  if (mediaType(contentType) !== PROTOBUF_TYPE) return decodeObject(body, { ...options, contentType });
  if (options.custom !== undefined) throw unsupportedMediaType(CUSTOM_TYPES);
  // The same rules hold as for JSON: what the schema does not know has no place in the message.
  return decodeValue(decodeProtobuf(body, options.typeName), options);
}

function decodeOptionsOf({ definition, query }: ResourceRoute): DecodeOptions {
  return {
    typeName: definition.typeName,
    validation: fieldValidation(query.get('fieldValidation')),
    apiVersion: apiVersionOf(definition),
    kind: definition.resource.kind,
    custom: definition.custom,
  };
}

function fieldValidation(text: string | null): FieldValidation {
  switch (text) {
    case null:
    case '':
    case 'Warn':
      return 'Warn';
    case 'Strict':
    case 'Ignore':
      return text;
    default:
      throw badRequest(`fieldValidation ${JSON.stringify(text)}: one of Ignore, Warn, Strict is needed`);
  }
}

function successStatus(details?: JsonObject): JsonObject {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };
  return details === undefined ? { ...status, code: 201 } : { ...status, details };
}

function detailsOf({ resource }: KindDefinition, { object, name }: StoredObject): JsonObject {
  const group = resource.group === '' ? {} : { group: resource.group };
  return { name, ...group, kind: resource.plural, uid: metaText(object, 'uid') };
}
