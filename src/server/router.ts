// The URL grammar of the Kubernetes API: from method and path to what is asked of which resource. Pure. Segments are
// decoded once and checked afterwards, so that an encoded slash or dot cannot reach a key (CVE-2015-5305).
import type { KindDefinition } from '#api/kind.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

export interface ResourceRoute {
  readonly kind: 'resource';
  readonly verb: Verb;
  readonly definition: KindDefinition;
  /** Absent: cluster-scoped, or all namespaces. */
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  readonly query: URLSearchParams;
}

export type Route =
  | ResourceRoute
  /** Anything that is not a resource, answered by path: discovery, OpenAPI, version, probes. */
  | { readonly kind: 'path'; readonly segments: readonly string[]; readonly query: URLSearchParams }
  | { readonly kind: 'method-not-allowed'; readonly definition: KindDefinition }
  | { readonly kind: 'bad-request'; readonly message: string }
  | { readonly kind: 'not-found' };

/** Finds the kind behind group, version and plural. */
export type KindLookup = (group: string, version: string, plural: string) => KindDefinition | undefined;

interface Location {
  readonly group: string;
  readonly version: string;
  readonly rest: readonly string[];
}

interface Target {
  readonly plural: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

const MAX_PATH_LENGTH = 32 * 1024;

/** Reads `path` (with its query) as a request for `method`. */
export function routeRequest(method: string, path: string, lookup: KindLookup): Route {
  if (path.length > MAX_PATH_LENGTH) return { kind: 'bad-request', message: 'the request path is too long' };
  const mark = path.indexOf('?');
  const query = new URLSearchParams(mark < 0 ? '' : path.slice(mark + 1));
  const segments = decodeSegments(mark < 0 ? path : path.slice(0, mark));
  if (segments === undefined) return { kind: 'bad-request', message: 'the request path is not valid UTF-8' };
  const location = locate(segments);
  if (location === undefined) return { kind: 'path', segments, query };
  const target = readTarget(location.rest);
  if (target === undefined) return { kind: 'not-found' };
  return resourceRoute(method, location, target, query, lookup);
}

function decodeSegments(path: string): string[] | undefined {
  try {
    const parts = path.split('/').slice(1);
    const segments = path.includes('%') ? parts.map(decodeURIComponent) : parts;
    if (segments.at(-1) === '') segments.pop();
    return segments;
  } catch {
    return undefined;
  }
}

/** Undefined: not below a group and version. */
function locate(segments: readonly string[]): Location | undefined {
  const [root, first, second] = segments;
  if (root === 'api' && first !== undefined && segments.length > 2) {
    return { group: '', version: first, rest: segments.slice(2) };
  }
  if (root === 'apis' && first !== undefined && second !== undefined && segments.length > 3) {
    return { group: first, version: second, rest: segments.slice(3) };
  }
  return undefined;
}

function readTarget(rest: readonly string[]): Target | undefined {
  const [first, second, third] = rest;
  if (first === undefined) return undefined;
  // `namespaces/x/status` and `/finalize` belong to the namespace; anything else behind it is a resource inside.
  const inside =
    first === 'namespaces' &&
    third !== undefined &&
    !(rest.length === 3 && /^(status|finalize)$/.test(third));
  const [plural = '', name, subresource] = inside ? rest.slice(2) : rest;
  if ((inside ? rest.length - 2 : rest.length) > 3) return undefined;
  return { plural, namespace: inside ? second : undefined, name, subresource };
}

function resourceRoute(
  method: string,
  location: Location,
  target: Target,
  query: URLSearchParams,
  lookup: KindLookup,
): Route {
  const definition = lookup(location.group, location.version, target.plural);
  if (definition === undefined || !scopeFits(definition, target)) return { kind: 'not-found' };
  for (const part of [target.namespace, target.name]) {
    const fault = part === undefined ? undefined : segmentFault(part);
    if (fault !== undefined) {
      return { kind: 'bad-request', message: `Name parameter invalid: ${JSON.stringify(part)}: ${fault}` };
    }
  }
  const { namespace, name, subresource } = target;
  if (subresource !== undefined && !definition.subresources.some((known) => known === subresource)) {
    return { kind: 'not-found' };
  }
  const verb = verbOf(method, target, query);
  if (verb === undefined) return { kind: 'method-not-allowed', definition };
  return { kind: 'resource', verb, definition, namespace, name, subresource, query };
}

/** A cluster-scoped resource has no namespaced URL (CVE-2019-11247); one object of a namespaced kind needs one. */
function scopeFits(definition: KindDefinition, target: Target): boolean {
  if (!definition.resource.namespaced) return target.namespace === undefined;
  return target.namespace !== undefined || target.name === undefined;
}

/** Why `part` cannot be a name or namespace in a path, or undefined. */
export function segmentFault(part: string): string | undefined {
  if (part === '') return 'may not be empty';
  if (part === '.' || part === '..') return `may not be '${part}'`;
  if (part.includes('/')) return "may not contain '/'";
  if (part.includes('%')) return "may not contain '%'";
  return /\p{Cc}/u.test(part) ? 'may not contain control characters' : undefined;
}

function verbOf(method: string, target: Target, query: URLSearchParams): Verb | undefined {
  const one = target.name !== undefined;
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (one) return 'get';
      return isTrue(query.get('watch')) ? 'watch' : 'list';
    case 'POST':
      return one && target.subresource === undefined ? undefined : 'create';
    case 'PUT':
      return one ? 'update' : undefined;
    case 'PATCH':
      return one ? 'patch' : undefined;
    case 'DELETE':
      if (target.subresource !== undefined) return undefined;
      return one ? 'delete' : 'deletecollection';
    default:
      return undefined;
  }
}

/** Query flags as Kubernetes reads them: present and not "false" or "0". */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== 'false' && value !== '0' && value !== 'False';
}
