// The handler chain, the same over HTTPS and in process: authenticate, route, limit, authorize, answer. Whatever goes
// wrong leaves it as a Status; it never rejects.
import type { ApiHandler, ApiRequest, ApiResponse } from '#api/request.ts';
import {
  badRequest,
  forbidden,
  methodNotAllowed,
  pathNotFound,
  tooManyRequests,
  unauthorized,
} from '#api/status.ts';
import type { Log } from '#base/log.ts';
import { isOpenPath } from './authenticate.ts';
import type { Authorizer, AuthorizerView } from './authorize.ts';
import type { Documents } from './documents.ts';
import type { FlowControl } from './flow-control.ts';
import type { NodeStreams } from './node-streams.ts';
import type { RegistryDeps } from './registry/deps.ts';
import { handleResource, type ResourceRequest } from './resources.ts';
import { errorResponse } from './respond.ts';
import { type KindLookup, type ResourceRoute, type Route, routeRequest } from './router.ts';

export interface HandlerDeps {
  readonly log: Log;
  readonly registry: RegistryDeps;
  readonly documents: Documents;
  readonly streams: NodeStreams;
  readonly flow: FlowControl;
  readonly authorizer: Authorizer;
  readonly view: AuthorizerView;
  readonly lookup: KindLookup;
}

export function createHandler(deps: HandlerDeps): ApiHandler {
  const { clock } = deps.registry;
  return async (request) => {
    const turn = clock.turn('work');
    if (turn !== undefined) await turn;
    try {
      return await answer(deps, request);
    } catch (error) {
      return errorResponse(error, deps.log);
    }
  };
}

async function answer(deps: HandlerDeps, request: ApiRequest): Promise<ApiResponse> {
  if (request.user === undefined && !isOpenPath(request.path)) throw unauthorized();
  const route = await freshRoute(deps, request);
  switch (route.kind) {
    case 'path':
      return deps.documents(route.segments, request);
    case 'not-found':
      throw pathNotFound();
    case 'bad-request':
      throw badRequest(route.message);
    case 'method-not-allowed':
      throw methodNotAllowed();
    case 'resource':
      return answerResource(deps, await authorized(deps, request, route));
  }
}

/** A kind that is not known may have been defined a moment ago: looked up again in the newest state. */
async function freshRoute(deps: HandlerDeps, { method, path }: ApiRequest): Promise<Route> {
  const route = routeRequest(method, path, deps.lookup);
  if (route.kind !== 'not-found') return route;
  await deps.registry.cache.fresh();
  return routeRequest(method, path, deps.lookup);
}

/** The request with a user who may make it. Throws 401 or 403. */
export async function authorized(
  deps: Pick<HandlerDeps, 'authorizer' | 'view' | 'registry'>,
  request: ApiRequest,
  route: ResourceRoute,
): Promise<ResourceRequest> {
  const { user } = request;
  if (user === undefined) throw unauthorized();
  // The decision may look at stored objects: it must see what the caller has already been told.
  await deps.registry.cache.fresh();
  if (!deps.authorizer(user, route, deps.view)) {
    throw forbidden(route.definition.resource, route.name ?? '', whyForbidden(user.name, route));
  }
  return { route, user, request };
}

function whyForbidden(user: string, { verb, definition, subresource, namespace }: ResourceRoute): string {
  const { group, plural } = definition.resource;
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const what = `cannot ${verb} resource "${resource}" in API group "${group}" ${where}`;
  return `User ${JSON.stringify(user)} ${what}`;
}

async function answerResource(deps: HandlerDeps, request: ResourceRequest): Promise<ApiResponse> {
  const { verb, definition, subresource } = request.route;
  if (subresource === 'log') return deps.streams.log(request);
  if (subresource === 'exec') throw badRequest('Upgrade request required');
  if (verb === 'watch') return handleResource(deps.registry, request);
  const leave = deps.flow.enter(request.user, isWrite(verb));
  if (leave === undefined) {
    deps.log.debug('refused a request: too many in flight', { resource: definition.resource.plural, verb });
    throw tooManyRequests();
  }
  try {
    return await handleResource(deps.registry, request);
  } finally {
    leave();
  }
}

function isWrite(verb: ResourceRoute['verb']): boolean {
  return verb !== 'get' && verb !== 'list' && verb !== 'watch';
}
