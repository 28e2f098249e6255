// The API client: typed calls turned into the encoded requests that a server's handler chain takes, over HTTPS or in
// the same process. It retries nothing: the queue owns retrying.
import { isJsonObject, type JsonObject } from '#api/json.ts';
import type { ApiObject, ResourceType, Stored } from '#api/object.ts';
import type { ApiHandler, ApiRequest, ApiResponse, UserInfo } from '#api/request.ts';
import type { ApiClient, ListQuery, ObjectName, Patch, Preconditions, WatchOptions } from './api-client.ts';
import { ApiError, hasReason } from './api-error.ts';
import { collectionPath, describeObject, listPath, nameOf, objectPath, watchPath } from './resource-path.ts';
import { apiVersionOf, jsonObject, storedObject, wholeBody } from './response-body.ts';
import { watchEvents } from './watch-events.ts';

/** Pages keep the server from building, and this process from parsing, one huge list in a single turn. */
const PAGE_SIZE = 500;

const PATCH_TYPES: Readonly<Record<Patch['type'], string>> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
};

/** A client whose every request goes through `send`, as `user` where the transport does not say who it is. */
export function createApiClient(send: ApiHandler, user?: UserInfo): ApiClient {
  return new HandlerClient(send, user);
}

interface Call {
  readonly doing: string;
  readonly method: ApiRequest['method'];
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal: AbortSignal | undefined;
}

class HandlerClient implements ApiClient {
  readonly #send: ApiHandler;
  readonly #user: UserInfo | undefined;

  constructor(send: ApiHandler, user: UserInfo | undefined) {
    this.#send = send;
    this.#user = user;
  }

  async get<T extends ApiObject>(type: ResourceType<T>, name: ObjectName, signal?: AbortSignal) {
    const doing = `Reading ${describeObject(type, name)}`;
    return await this.#object(type, { doing, method: 'GET', path: objectPath(type, name), signal });
  }

  async find<T extends ApiObject>(type: ResourceType<T>, name: ObjectName, signal?: AbortSignal) {
    try {
      return await this.get(type, name, signal);
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async list<T extends ApiObject>(type: ResourceType<T>, query: ListQuery = {}, signal?: AbortSignal) {
    try {
      return await this.#pages(type, query, { limit: PAGE_SIZE, signal });
    } catch (error) {
      // The snapshot behind the pages was compacted on the way: one whole list has no snapshot to lose.
      if (hasReason(error, 'Expired', 'Gone')) return await this.#pages(type, query, { signal });
      throw error;
    }
  }

  async create<T extends ApiObject>(type: ResourceType<T>, object: T, signal?: AbortSignal) {
    const doing = `Creating ${describeObject(type, nameOf(object))}`;
    const path = collectionPath(type, object.metadata.namespace);
    return await this.#object(type, { doing, method: 'POST', path, body: typed(type, object), signal });
  }

  async update<T extends ApiObject>(type: ResourceType<T>, object: T, signal?: AbortSignal) {
    return await this.#replace(type, object, undefined, signal);
  }

  async updateStatus<T extends ApiObject>(type: ResourceType<T>, object: T, signal?: AbortSignal) {
    return await this.#replace(type, object, 'status', signal);
  }

  async updateSubresource<T extends ApiObject>(
    type: ResourceType<T>,
    object: T,
    subresource: string,
    signal?: AbortSignal,
  ) {
    return await this.#replace(type, object, subresource, signal);
  }

  async patch<T extends ApiObject>(
    type: ResourceType<T>,
    name: ObjectName,
    patch: Patch & { readonly subresource?: 'status' },
    signal?: AbortSignal,
  ) {
    return await this.#object(type, {
      doing: `Patching ${describeObject(type, name)}`,
      method: 'PATCH',
      path: objectPath(type, name, patch.subresource),
      body: patch.patch,
      contentType: PATCH_TYPES[patch.type],
      signal,
    });
  }

  async delete<T extends ApiObject>(
    type: ResourceType<T>,
    name: ObjectName,
    options: { readonly preconditions?: Preconditions; readonly gracePeriodSeconds?: number } = {},
    signal?: AbortSignal,
  ) {
    const doing = `Deleting ${describeObject(type, name)}`;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
    await this.#json({ doing, method: 'DELETE', path: objectPath(type, name), body, signal });
  }

  async createSubresource<T extends ApiObject>(
    type: ResourceType<T>,
    name: ObjectName,
    subresource: string,
    body: ApiObject,
    signal?: AbortSignal,
  ) {
    const doing = `Creating "${subresource}" of ${describeObject(type, name)}`;
    await this.#json({ doing, method: 'POST', path: objectPath(type, name, subresource), body, signal });
  }

  async *watch<T extends ApiObject>(type: ResourceType<T>, query: WatchOptions, signal: AbortSignal) {
    const doing = `Watching ${type.plural}`;
    const response = await this.#answer({ doing, method: 'GET', path: watchPath(type, query), signal });
    yield* watchEvents(type, response.body, { doing, signal });
  }

  async #replace<T extends ApiObject>(
    type: ResourceType<T>,
    object: T,
    subresource: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Stored<T>> {
    const name = nameOf(object);
    const what = subresource === undefined ? '' : `"${subresource}" of `;
    const doing = `Updating ${what}${describeObject(type, name)}`;
    const path = objectPath(type, name, subresource);
    return await this.#object(type, { doing, method: 'PUT', path, body: typed(type, object), signal });
  }

  async #pages<T extends ApiObject>(
    type: ResourceType<T>,
    query: ListQuery,
    { limit, signal }: { readonly limit?: number; readonly signal: AbortSignal | undefined },
  ) {
    const doing = `Listing ${type.plural}`;
    const items: Stored<T>[] = [];
    let page: { limit?: number; continue?: string } = limit === undefined ? {} : { limit };
    for (;;) {
      const list = await this.#json({ doing, method: 'GET', path: listPath(type, query, page), signal });
      const metadata = isJsonObject(list.metadata) ? list.metadata : {};
      for (const item of Array.isArray(list.items) ? list.items : [])
        items.push(storedObject(type, item, doing));
      const { continue: next, resourceVersion } = metadata;
      if (typeof next !== 'string' || next === '') {
        return { resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : '', items };
      }
      page = { ...page, continue: next };
    }
  }

  async #object<T extends ApiObject>(type: ResourceType<T>, call: Call): Promise<Stored<T>> {
    return storedObject(type, await this.#json(call), call.doing);
  }

  async #json(call: Call): Promise<JsonObject> {
    const response = await this.#answer(call);
    const body = jsonObject(await this.#body(response, call.doing));
    if (body === undefined) throw ApiError.noAnswer(call.doing, new Error('the answer is not a JSON object'));
    return body;
  }

  /** The response when it is a success; rejects with what the server said otherwise. */
  async #answer(call: Call): Promise<ApiResponse> {
    const response = await this.#exchange(call);
    if (response.status >= 200 && response.status < 300) return response;
    const status = jsonObject(await this.#body(response, call.doing));
    throw ApiError.fromStatus(response.status, status, call.doing);
  }

  async #exchange({ doing, method, path, body, contentType, signal }: Call): Promise<ApiResponse> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (body !== undefined) headers['content-type'] = contentType ?? 'application/json';
    const request = { method, path, headers, user: this.#user, signal: signal ?? NEVER };
    try {
      signal?.throwIfAborted();
      return await this.#send(
        body === undefined ? request : { ...request, body: Buffer.from(JSON.stringify(body)) },
      );
    } catch (error) {
      throw ApiError.noAnswer(doing, error);
    }
  }

  async #body(response: ApiResponse, doing: string): Promise<Uint8Array> {
    try {
      return await wholeBody(response.body);
    } catch (error) {
      throw ApiError.noAnswer(doing, error);
    }
  }
}

const NEVER = new AbortController().signal;

/** Objects are written with their type, which callers may leave out. */
function typed<T extends ApiObject>(type: ResourceType<T>, object: T): ApiObject {
  return { ...object, apiVersion: object.apiVersion ?? apiVersionOf(type), kind: object.kind ?? type.kind };
}
