// The API server, put together: the watch cache over the store, the registry with its admission, and the handler chain
// in front, for use in process and behind an HTTPS listener.
import type { JsonObject } from '#api/json.ts';
import type { KindDefinition } from '#api/kind.ts';
import type { ApiHandler } from '#api/request.ts';
import { qualified } from '#api/status.ts';
import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { Random } from '#base/random.ts';
import { DEFAULT_GATES, type FeatureGates } from '#rules/feature-gates.ts';
import type { Store } from '#store/store.ts';
import { createAdmission } from './admit/admission.ts';
import type { AdmissionView } from './admit/admission-rule.ts';
import { type Authorizer, authorize } from './authorize.ts';
import { bootstrap } from './bootstrap.ts';
import { createDocuments } from './documents.ts';
import { createFlowControl, type InFlightLimits } from './flow-control.ts';
import { createHandler, type HandlerDeps } from './handler.ts';
import { housekeeping } from './housekeeping.ts';
import { createHttpAdapter, type HttpAdapter } from './http-adapter.ts';
import { type AgentAccess, createNodeStreams } from './node-streams.ts';
import type { RegistryDeps } from './registry/deps.ts';
import { kindPrefix } from './registry/keys.ts';
import { createTurns } from './registry/turns.ts';
import { createServedKinds, type ServedKinds } from './served-kinds.ts';
import type { Service } from './service.ts';
import type { CacheLimits } from './watch-cache/kind-cache.ts';
import { openWatchCache, type WatchCache } from './watch-cache/watch-cache.ts';
import { prefixEnd } from '#store/store.ts';

export interface ApiServerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly store: Store;
  readonly kinds: readonly KindDefinition[];
  /** The body of /version. */
  readonly versionInfo: JsonObject & { readonly gitVersion: string };
  /** `host:port` as clients reach the server; for the discovery document. */
  readonly address?: string;
  /** How pods/log and pods/exec reach the nodes; without it they answer 503. */
  readonly agents?: AgentAccess;
  readonly authorizer?: Authorizer;
  readonly gates?: FeatureGates;
  readonly inFlight?: InFlightLimits;
  readonly cacheLimits?: CacheLimits;
  /** Text for /metrics besides the server's own. */
  readonly metrics?: () => string;
}

export interface ApiServer extends AsyncDisposable {
  /** The handler chain, for clients in this process. */
  readonly handler: ApiHandler;
  /** For HttpTransport.listen. */
  readonly http: HttpAdapter;
  /** Bookmarks, expiry of events, compaction. */
  readonly services: readonly Service[];
}

/** Reads the store and makes the built-in namespaces; the handler answers as soon as this resolves. */
export async function createApiServer(deps: ApiServerDeps): Promise<ApiServer> {
  let fault: string | undefined;
  const { clock, random, log, store, kinds } = deps;
  const cache = await openWatchCache({
    clock,
    store,
    ...(deps.cacheLimits !== undefined && { limits: deps.cacheLimits }),
    onLost: (why) => {
      fault = `the watch on the store has ended (${why})`;
      // A store that was closed ends everything on purpose; any other end leaves a server that must not answer.
      if (why !== 'closed') log.error('the server no longer follows its store', { reason: why });
    },
  });
  const served = createServedKinds(kinds, cache);
  const find = served.builtIn;
  const admission = createAdmission(admissionView(cache, find), deps.gates ?? DEFAULT_GATES);
  const turns = createTurns(clock);
  const registry: RegistryDeps = { clock, random, store, cache, admission, turns };
  await bootstrap(registry, find);
  const parts = handlerParts(deps, { registry, served, fault: () => fault });
  const handler = createHandler(parts);
  return {
    handler,
    http: createHttpAdapter(handler, parts),
    services: [housekeeping({ log, registry, builtIn: find })],
    [Symbol.asyncDispose]: async () => {
      cache[Symbol.dispose]();
      await parts.streams[Symbol.asyncDispose]();
    },
  };
}

interface ServerParts {
  readonly registry: RegistryDeps;
  readonly served: ServedKinds;
  readonly fault: () => string | undefined;
}

function handlerParts(deps: ApiServerDeps, { registry, served, fault }: ServerParts): HandlerDeps {
  const { versionInfo, address = '' } = deps;
  const { cache } = registry;
  const find = served.builtIn;
  const streams = createNodeStreams({
    clock: deps.clock,
    cache,
    lookup: mustFind(find),
    agents: deps.agents,
  });
  const metrics = (): string => `${metricsText(cache, served.current())}${deps.metrics?.() ?? ''}`;
  return {
    log: deps.log,
    registry,
    documents: createDocuments({ kinds: served.current, versionInfo, address, fault, metrics }),
    streams,
    flow: createFlowControl(deps.inFlight),
    authorizer: deps.authorizer ?? authorize,
    view: {
      ...admissionView(cache, find),
      find: ({ definition, namespace, name }) => cache.get(definition, namespace, name ?? ''),
    },
    lookup: served.find,
  };
}

function mustFind(find: (plural: string) => KindDefinition | undefined): (plural: string) => KindDefinition {
  return (plural) => {
    const kind = find(plural);
    if (kind === undefined) throw new Error(`the kind "${plural}" is not served`);
    return kind;
  };
}

function admissionView(
  cache: WatchCache,
  find: (plural: string) => KindDefinition | undefined,
): AdmissionView {
  return {
    get: (plural, namespace, name) => {
      const kind = find(plural);
      return kind === undefined ? undefined : cache.get(kind, namespace, name);
    },
    definition: find,
    all: (plural, namespace) => {
      const kind = find(plural);
      if (kind === undefined) return [];
      const prefix = kindPrefix(kind.resource, namespace);
      return cache.kind(kind).range(prefix, prefixEnd(prefix));
    },
  };
}

/** A family's lines stand together, as the format wants it. */
function metricsText(cache: WatchCache, kinds: readonly KindDefinition[]): string {
  const named = new Map(kinds.map((kind) => [qualified(kind.resource.plural, kind.resource.group), kind]));
  const family = (name: string, of: (kind: KindDefinition) => number): readonly string[] => [
    `# TYPE ${name} gauge`,
    ...[...named].map(([resource, kind]) => `${name}{resource="${resource}"} ${of(kind)}`),
  ];
  const lines = [
    ...family('apiserver_storage_objects', (kind) => cache.kind(kind).size),
    ...family('apiserver_watchers', (kind) => cache.kind(kind).watcherCount),
    '# TYPE holdfast_store_revision gauge',
    `holdfast_store_revision ${cache.revision}`,
  ];
  return lines.map((line) => `${line}\n`).join('');
}
