// The API as every loop sees it: typed calls over a transport (HTTPS or in process, the same encoded bytes).
import type { ApiObject, ResourceType, Stored } from '#api/object.ts';
import type { JsonObject, JsonValue } from '#api/json.ts';

export interface ObjectName {
  /** Absent for a cluster-scoped object. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface ListQuery {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface WatchOptions extends ListQuery {
  /** Deliver what comes after this resourceVersion. */
  readonly resourceVersion?: string;
  /** Deliver the state first. Absent: true without a resourceVersion, false with one. */
  readonly sendInitialEvents?: boolean;
  /** The server ends the watch after this long; absent: the server chooses. */
  readonly timeoutSeconds?: number;
}

/** What a write is conditional on (I-28). */
export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export type WatchEvent<T extends ApiObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Stored<T> }
  /** `initialEventsEnd`: the state at the watch's start has been delivered in full. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly initialEventsEnd: boolean };

export type Patch =
  | { readonly type: 'merge' | 'strategic'; readonly patch: JsonObject }
  | { readonly type: 'json'; readonly patch: readonly JsonValue[] };

/**
 * Every call and every watch rejects with an ApiError (client/api-error.ts) whose `status` and `reason` are the server's; a call
 * whose answer was lost rejects with status 0 and reason `Unknown`: it has perhaps happened (law 3).
 */
export interface ApiClient {
  get<T extends ApiObject>(type: ResourceType<T>, name: ObjectName, signal?: AbortSignal): Promise<Stored<T>>;
  /** Undefined when the server says NotFound; every other failure rejects. */
  find<T extends ApiObject>(
    type: ResourceType<T>,
    name: ObjectName,
    signal?: AbortSignal,
  ): Promise<Stored<T> | undefined>;
  list<T extends ApiObject>(
    type: ResourceType<T>,
    query?: ListQuery,
    signal?: AbortSignal,
  ): Promise<{ readonly resourceVersion: string; readonly items: readonly Stored<T>[] }>;
  create<T extends ApiObject>(type: ResourceType<T>, object: T, signal?: AbortSignal): Promise<Stored<T>>;
  /** Replaces the object; carries object.metadata.resourceVersion, so a stale one is a Conflict. */
  update<T extends ApiObject>(type: ResourceType<T>, object: T, signal?: AbortSignal): Promise<Stored<T>>;
  updateStatus<T extends ApiObject>(
    type: ResourceType<T>,
    object: T,
    signal?: AbortSignal,
  ): Promise<Stored<T>>;
  /** PUT to a subresource other than status: a namespace's `finalize`. */
  updateSubresource<T extends ApiObject>(
    type: ResourceType<T>,
    object: T,
    subresource: string,
    signal?: AbortSignal,
  ): Promise<Stored<T>>;
  patch<T extends ApiObject>(
    type: ResourceType<T>,
    name: ObjectName,
    patch: Patch & { readonly subresource?: 'status' },
    signal?: AbortSignal,
  ): Promise<Stored<T>>;
  delete<T extends ApiObject>(
    type: ResourceType<T>,
    name: ObjectName,
    options?: { readonly preconditions?: Preconditions; readonly gracePeriodSeconds?: number },
    signal?: AbortSignal,
  ): Promise<void>;
  /** POST to a subresource, for pods/binding. */
  createSubresource<T extends ApiObject>(
    type: ResourceType<T>,
    name: ObjectName,
    subresource: string,
    body: ApiObject,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Watch-list from the newest state: ADDED events, then a bookmark with initialEventsEnd, then changes. */
  watch<T extends ApiObject>(
    type: ResourceType<T>,
    query: WatchOptions,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>;
}
