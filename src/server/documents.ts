// What is answered by path and is no resource: discovery in both forms, OpenAPI, the version, the probes and metrics.
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from '#api/discovery.ts';
import type { JsonObject } from '#api/json.ts';
import type { KindDefinition } from '#api/kind.ts';
import { createOpenApi, type OpenApi } from '#api/openapi.ts';
import { isV2Protobuf, OPENAPI_V2_PROTOBUF } from '#api/openapi/v2-protobuf.ts';
import type { ApiRequest, ApiResponse } from '#api/request.ts';
import { forbidden, notAcceptable, pathNotFound } from '#api/status.ts';
import { isAllPowerful } from './authorize.ts';
import { parseAccept, takesJson } from './negotiate.ts';
import { jsonResponse, textResponse } from './respond.ts';

export interface DocumentDeps {
  /** What is served now: the same array until that changes. */
  readonly kinds: () => readonly KindDefinition[];
  /** The body of /version. */
  readonly versionInfo: JsonObject & { readonly gitVersion: string };
  /** `host:port` as clients reach the server. */
  readonly address: string;
  /** Why the server cannot serve, if it cannot. */
  readonly fault: () => string | undefined;
  /** The text of /metrics. */
  readonly metrics: () => string;
}

export type Documents = (segments: readonly string[], request: ApiRequest) => ApiResponse;

export function createDocuments(deps: DocumentDeps): Documents {
  let made: { readonly kinds: readonly KindDefinition[]; readonly openApi: OpenApi } | undefined;
  const schema = (): OpenApi => {
    const kinds = deps.kinds();
    if (made?.kinds !== kinds) {
      made = { kinds, openApi: createOpenApi(kinds, { version: deps.versionInfo.gitVersion }) };
    }
    return made.openApi;
  };
  return (segments, request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') throw pathNotFound();
    switch (segments[0]) {
      case 'livez':
      case 'readyz':
      case 'healthz':
        return probe(deps.fault());
      case 'version':
        return jsonResponse(200, deps.versionInfo);
      case 'api':
      case 'apis':
        return discovery(deps, segments, request);
      case 'openapi':
        return openApiDocument(schema(), segments, request);
      case 'metrics':
        return metrics(deps, request);
      case undefined:
        return jsonResponse(200, {
          paths: ['/api', '/apis', '/livez', '/openapi/v3', '/readyz', '/version'],
        });
      default:
        throw pathNotFound();
    }
  };
}

function probe(fault: string | undefined): ApiResponse {
  return fault === undefined ? textResponse(200, 'ok') : textResponse(500, `not ok: ${fault}`);
}

function metrics(deps: DocumentDeps, { user }: ApiRequest): ApiResponse {
  if (user === undefined || !isAllPowerful(user)) {
    throw forbidden({ group: '', plural: '/metrics' }, '', 'only an administrator may read it');
  }
  return textResponse(200, deps.metrics());
}

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

function discovery(deps: DocumentDeps, segments: readonly string[], request: ApiRequest): ApiResponse {
  const [root, group, version] = segments;
  if (segments.length === 1 && wantsAggregated(request)) {
    const body = Buffer.from(
      JSON.stringify(aggregatedDiscovery(deps.kinds(), root === 'api' ? '/api' : '/apis')),
    );
    return { status: 200, headers: { 'content-type': AGGREGATED, vary: 'Accept' }, body };
  }
  const document = legacyDiscovery(deps, { root, group, version });
  if (document === undefined) throw pathNotFound();
  return jsonResponse(200, document);
}

function legacyDiscovery(
  { kinds: served, address }: DocumentDeps,
  at: {
    readonly root: string | undefined;
    readonly group: string | undefined;
    readonly version: string | undefined;
  },
): JsonObject | undefined {
  const { root, group, version } = at;
  const kinds = served();
  if (root === 'api') return group === undefined ? apiVersions(address) : apiResourceList(kinds, '', group);
  if (group === undefined) return apiGroupList(kinds);
  return version === undefined ? apiGroup(kinds, group) : apiResourceList(kinds, group, version);
}

function wantsAggregated({ headers }: ApiRequest): boolean {
  const first = parseAccept(headers.accept).find(
    (accepted) => takesJson(accepted) && (accepted.parameters.as === undefined || isAggregated(accepted)),
  );
  return first !== undefined && isAggregated(first);
}

function isAggregated({ parameters }: { readonly parameters: Readonly<Record<string, string>> }): boolean {
  const { g, v, as } = parameters;
  return g === 'apidiscovery.k8s.io' && v === 'v2' && as === 'APIGroupDiscoveryList';
}

function openApiDocument(openApi: OpenApi, segments: readonly string[], request: ApiRequest): ApiResponse {
  const accepted = parseAccept(request.headers.accept);
  if (segments.join('/') === 'openapi/v2' && isV2Protobuf(accepted[0]?.type)) {
    const headers = { 'content-type': OPENAPI_V2_PROTOBUF, vary: 'Accept' };
    return { status: 200, headers, body: openApi.v2Protobuf() };
  }
  if (accepted.length > 0 && !accepted.some(takesJson)) throw notAcceptable(['application/json']);
  const body = openApiBytes(openApi, segments);
  if (body === undefined) throw pathNotFound();
  const etag = `"${openApi.hash}"`;
  const headers = { 'content-type': 'application/json', etag, vary: 'Accept' };
  if (request.headers['if-none-match'] === etag) return { status: 304, headers, body: new Uint8Array() };
  return { status: 200, headers, body };
}

function openApiBytes(openApi: OpenApi, [, version, ...path]: readonly string[]): Uint8Array | undefined {
  if (version === 'v2') return path.length === 0 ? openApi.v2() : undefined;
  if (version !== 'v3') return undefined;
  return path.length === 0 ? openApi.index() : openApi.document(path.join('/'));
}
