// Informers for a server that may not serve every kind our loops read: a stock one without the definitions of snapshots.
// A kind that is not there has an empty cache, complete from the beginning, so that no loop waits for it (CMP3).
import { isJsonObject } from '#api/json.ts';
import type { ApiObject, ResourceType } from '#api/object.ts';
import type { ApiHandler } from '#api/request.ts';
import * as resources from '#api/resources.ts';
import type { Log } from '#base/log.ts';
import { ApiError } from '#client/api-error.ts';
import type { Indexes, Informer, InformerSource } from '#client/informer.ts';
import { wholeBody } from '#client/response-body.ts';

/** Whether the server has the kind in the version that we use. */
export type IsServed = (type: ResourceKey) => boolean;

type ResourceKey = Pick<ResourceType<ApiObject>, 'group' | 'version' | 'plural'>;

/** Asks the server's discovery about every kind of api/resources.ts. Rejects when it does not answer. */
export async function discoverServed(send: ApiHandler, signal: AbortSignal): Promise<IsServed> {
  const types: readonly ResourceKey[] = Object.values(resources).filter(isResourceKey);
  const documents = [...new Set(types.map(documentPath))];
  const served = await Promise.all(
    documents.map(async (path) => [path, await plurals(send, path, signal)] as const),
  );
  const byDocument = new Map(served);
  return (type) => byDocument.get(documentPath(type))?.has(type.plural) === true;
}

function isResourceKey(value: unknown): value is ResourceKey {
  return (
    typeof value === 'object' && value !== null && 'plural' in value && 'group' in value && 'version' in value
  );
}

const documentPath = ({ group, version }: ResourceKey): string =>
  group === '' ? `/api/${version}` : `/apis/${group}/${version}`;

async function plurals(send: ApiHandler, path: string, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const doing = `Reading what the server serves at ${path}`;
  let response;
  try {
    response = await send({
      method: 'GET',
      path,
      headers: { accept: 'application/json' },
      user: undefined,
      signal,
    });
  } catch (error) {
    throw ApiError.noAnswer(doing, error);
  }
  const body: unknown = JSON.parse(new TextDecoder().decode(await wholeBody(response.body)));
  if (response.status === 404) return new Set();
  const list = isJsonObject(body) ? body : undefined;
  if (response.status !== 200) throw ApiError.fromStatus(response.status, list, doing);
  const entries = Array.isArray(list?.resources) ? list.resources : [];
  return new Set(
    entries.flatMap((one) => (isJsonObject(one) && typeof one.name === 'string' ? [one.name] : [])),
  );
}

/** `source` for the kinds that are served. */
export function servedInformers(source: InformerSource, isServed: IsServed, log: Log): InformerSource {
  const missing = new Set<string>();
  return {
    informer<T extends ApiObject>(type: ResourceType<T>, indexes?: Indexes<T>): Informer<T> {
      if (isServed(type)) return source.informer(type, indexes);
      const name = `${type.plural}.${type.group}/${type.version}`;
      if (!missing.has(name)) {
        log.warn('the server does not serve a kind: it is taken as empty until the next start', {
          kind: name,
        });
      }
      missing.add(name);
      return emptyInformer(type);
    },
    run: (signal) => source.run(signal),
    whenAllSynced: (signal) => source.whenAllSynced(signal),
  };
}

function emptyInformer<T extends ApiObject>(type: ResourceType<T>): Informer<T> {
  return {
    type,
    synced: true,
    whenSynced: () => Promise.resolve(),
    get: () => undefined,
    list: () => [],
    byIndex: () => [],
    subscribe: () => () => undefined,
    revision: Number.MAX_SAFE_INTEGER,
  };
}
