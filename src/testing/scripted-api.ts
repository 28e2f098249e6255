// An ApiClient over a few objects in memory, for tests of one reconcile function: it records every write, fails where a
// test says so (once each), and feeds informers that are up to date after each write. It keeps the rules that loops
// rely on (conflicts, preconditions, finalizers); whatever needs more uses the real server on the memory store.
import type { ApiClient, ObjectName, Patch } from '#client/api-client.ts';
import { ApiError } from '#client/api-error.ts';
import type { InformerSource } from '#client/informer.ts';
import { SharedInformer } from '#client/shared-informer.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '#api/json.ts';
import { type ApiObject, keyOf, type ResourceType, type Stored } from '#api/object.ts';
import { silentLog } from '#base/log.ts';

export type ScriptedVerb =
  | 'get'
  | 'list'
  | 'create'
  | 'update'
  | 'updateStatus'
  | 'patch'
  | 'delete'
  | 'createSubresource'
  | 'updateSubresource';

export interface ScriptedCall {
  readonly verb: ScriptedVerb;
  readonly plural: string;
  /** `namespace/name` or `name`. */
  readonly key: string;
  /** The object, patch, options or subresource body of a write. */
  readonly body?: unknown;
  readonly subresource?: string;
}

export interface ScriptedFailure {
  readonly verb: ScriptedVerb;
  readonly plural: string;
  readonly key?: string;
  readonly status: number;
  readonly reason: string;
  /** The write happens and only its answer is lost (use with status 0, reason `Unknown`). */
  readonly isAnswerLost?: boolean;
}

export interface ScriptedApi extends ApiClient {
  /** Writes only, in order. */
  readonly writes: readonly ScriptedCall[];
  /** Caches over the same objects. */
  readonly informers: InformerSource;
  /** Puts an object there without recording it; what every stored object has is filled in where it is absent. */
  seed<T extends ApiObject>(type: ResourceType<T>, object: T): Stored<T>;
  /** Takes an object away without recording it. */
  drop(type: ResourceType, name: ObjectName): void;
  /** The next call that matches fails. */
  fail(failure: ScriptedFailure): void;
  /** While true, informers do not see what is written; setting it to false shows them everything (a stale cache). */
  freeze(isFrozen: boolean): void;
  /** What is stored, without recording a read. */
  peek<T extends ApiObject>(type: ResourceType<T>, name: ObjectName): Stored<T> | undefined;
}

export function scriptedApi(): ScriptedApi {
  return new MemoryApi();
}

interface Collection<T extends ApiObject> {
  readonly objects: Map<string, Stored<T>>;
  readonly informer: SharedInformer<T>;
}

const NOW = '2026-01-01T00:00:00Z';

class MemoryApi implements ScriptedApi {
  readonly writes: ScriptedCall[] = [];
  readonly informers: InformerSource;
  readonly #collections = new Map<string, Collection<ApiObject>>();
  readonly #failures: ScriptedFailure[] = [];
  readonly #unseen: (() => void)[] = [];
  #isFrozen = false;
  #revision = 1;
  #uids = 0;

  constructor() {
    this.informers = {
      informer: (type, indexes = {}) => this.#collection(type).informer.view(indexes),
      run: (signal) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
      whenAllSynced: () => Promise.resolve(),
    };
  }

  seed<T extends ApiObject>(type: ResourceType<T>, object: T): Stored<T> {
    return this.#store(type, object);
  }

  drop(type: ResourceType, name: ObjectName): void {
    this.#remove(type, keyOf({ metadata: name }));
  }

  fail(failure: ScriptedFailure): void {
    this.#failures.push(failure);
  }

  freeze(isFrozen: boolean): void {
    this.#isFrozen = isFrozen;
    if (!isFrozen) for (const show of this.#unseen.splice(0)) show();
  }

  peek<T extends ApiObject>(type: ResourceType<T>, name: ObjectName): Stored<T> | undefined {
    return this.#collection(type).objects.get(keyOf({ metadata: name }));
  }

  get<T extends ApiObject>(type: ResourceType<T>, name: ObjectName): Promise<Stored<T>> {
    return this.#call({ verb: 'get', plural: type.plural, key: keyOf({ metadata: name }) }, () =>
      this.#existing(type, name),
    );
  }

  async find<T extends ApiObject>(type: ResourceType<T>, name: ObjectName): Promise<Stored<T> | undefined> {
    const call = { verb: 'get' as const, plural: type.plural, key: keyOf({ metadata: name }) };
    return await this.#call(call, () => this.peek(type, name));
  }

  list<T extends ApiObject>(type: ResourceType<T>, query: { readonly namespace?: string } = {}) {
    return this.#call({ verb: 'list', plural: type.plural, key: '' }, () => ({
      resourceVersion: String(this.#revision),
      items: [...this.#collection(type).objects.values()].filter(
        ({ metadata }) => query.namespace === undefined || metadata.namespace === query.namespace,
      ),
    }));
  }

  create<T extends ApiObject>(type: ResourceType<T>, object: T): Promise<Stored<T>> {
    const key = keyOf(object);
    return this.#call({ verb: 'create', plural: type.plural, key, body: object }, () => {
      if (this.#collection(type).objects.has(key)) throw failure(409, 'AlreadyExists', type, key);
      return this.#store(type, object);
    });
  }

  update<T extends ApiObject>(type: ResourceType<T>, object: T): Promise<Stored<T>> {
    return this.#replace('update', type, object);
  }

  updateStatus<T extends ApiObject>(type: ResourceType<T>, object: T): Promise<Stored<T>> {
    return this.#replace('updateStatus', type, object);
  }

  updateSubresource<T extends ApiObject>(type: ResourceType<T>, object: T, subresource: string) {
    return this.#replace('updateSubresource', type, object, subresource);
  }

  patch<T extends ApiObject>(
    type: ResourceType<T>,
    name: ObjectName,
    patch: Patch & { readonly subresource?: 'status' },
  ): Promise<Stored<T>> {
    const key = keyOf({ metadata: name });
    const call: ScriptedCall = { verb: 'patch', plural: type.plural, key, body: patch };
    return this.#call(call, () => {
      const old = this.#existing(type, name);
      if (patch.type === 'json')
        throw new Error('The scripted API does not know JSON patch: use the real server');
      const merged = mergePatch(toJson(old), patch.patch);
      // A merge of a T with a patch that the caller typed for it.
      const object = merged as unknown as T;
      return this.#store(type, withStatusOf(old, object, patch.subresource === 'status'), old);
    });
  }

  delete<T extends ApiObject>(
    type: ResourceType<T>,
    name: ObjectName,
    options: Parameters<ApiClient['delete']>[2] = {},
  ): Promise<void> {
    const key = keyOf({ metadata: name });
    return this.#call({ verb: 'delete', plural: type.plural, key, body: options }, () => {
      const { metadata } = this.#existing(type, name);
      const { uid = metadata.uid, resourceVersion = metadata.resourceVersion } = options.preconditions ?? {};
      if (uid !== metadata.uid || resourceVersion !== metadata.resourceVersion) {
        throw failure(409, 'Conflict', type, key);
      }
      this.#delete(type, key);
    });
  }

  createSubresource<T extends ApiObject>(
    type: ResourceType<T>,
    name: ObjectName,
    subresource: string,
    body: ApiObject,
  ): Promise<void> {
    const call: ScriptedCall = {
      verb: 'createSubresource',
      plural: type.plural,
      key: keyOf({ metadata: name }),
      body,
      subresource,
    };
    return this.#call(call, () => {
      this.#existing(type, name);
    });
  }

  /** Tells nothing: the informers are fed directly. */
  watch(_type: unknown, _query: unknown, signal: AbortSignal): AsyncIterable<never> {
    const next = () =>
      new Promise<{ done: true; value: undefined }>((resolve) => {
        const end = (): void => resolve({ done: true, value: undefined });
        if (signal.aborted) end();
        else signal.addEventListener('abort', end, { once: true });
      });
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  async #call<R>(call: ScriptedCall, act: () => R): Promise<R> {
    if (call.verb !== 'get' && call.verb !== 'list') this.writes.push(call);
    const found = this.#failures.findIndex(
      ({ verb, plural, key }) =>
        verb === call.verb && plural === call.plural && (key === undefined || key === call.key),
    );
    const [planned] = found < 0 ? [] : this.#failures.splice(found, 1);
    if (planned === undefined) return act();
    if (planned.isAnswerLost === true) act();
    const { status, reason } = planned;
    throw new ApiError({ status, reason, message: `${call.verb} ${call.plural} "${call.key}": ${reason}` });
  }

  #replace<T extends ApiObject>(
    verb: ScriptedVerb,
    type: ResourceType<T>,
    object: T,
    subresource?: string,
  ): Promise<Stored<T>> {
    const key = keyOf(object);
    const call: ScriptedCall = { verb, plural: type.plural, key, body: object };
    return this.#call(subresource === undefined ? call : { ...call, subresource }, () => {
      const old = this.#existing(type, { ...splitName(object) });
      const { resourceVersion = old.metadata.resourceVersion, uid = old.metadata.uid } = object.metadata;
      if (resourceVersion !== old.metadata.resourceVersion || uid !== old.metadata.uid) {
        throw failure(409, 'Conflict', type, key);
      }
      return this.#store(type, withStatusOf(old, object, verb === 'updateStatus'), old);
    });
  }

  #existing<T extends ApiObject>(type: ResourceType<T>, name: ObjectName): Stored<T> {
    const found = this.peek(type, name);
    if (found === undefined) throw failure(404, 'NotFound', type, keyOf({ metadata: name }));
    return found;
  }

  /** An update that changes nothing keeps the resourceVersion, as on the real server. */
  #store<T extends ApiObject>(type: ResourceType<T>, object: T, old?: Stored<T>): Stored<T> {
    if (old !== undefined && JSON.stringify(toJson(object)) === JSON.stringify(toJson(old))) return old;
    const revision = ++this.#revision;
    const metadata = {
      uid: old?.metadata.uid ?? `uid-${++this.#uids}`,
      creationTimestamp: NOW,
      ...object.metadata,
      name: object.metadata.name ?? '',
      resourceVersion: String(revision),
    };
    const apiVersion = type.group === '' ? type.version : `${type.group}/${type.version}`;
    // A T with the metadata of a stored object is a Stored<T>; the compiler does not see through Omit.
    const stored = {
      apiVersion,
      kind: type.kind,
      ...structuredClone(object),
      metadata,
    } as unknown as Stored<T>;
    const isGone = metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0;
    const { objects, informer } = this.#collection(type);
    if (isGone && old !== undefined) {
      objects.delete(keyOf(object));
      this.#show(() => informer.remove(stored));
    } else {
      objects.set(keyOf(object), stored);
      this.#show(() => informer.put(stored));
    }
    return stored;
  }

  #delete<T extends ApiObject>(type: ResourceType<T>, key: string): void {
    const old = this.#collection(type).objects.get(key);
    if (old === undefined) return;
    if ((old.metadata.finalizers ?? []).length === 0) this.#remove(type, key);
    else if (old.metadata.deletionTimestamp === undefined) {
      const { resourceVersion: _dropped, ...metadata } = old.metadata;
      // The old object with one more field of its metadata is still a T.
      this.#store(type, { ...old, metadata: { ...metadata, deletionTimestamp: NOW } } as unknown as T, old);
    }
  }

  #remove<T extends ApiObject>(type: ResourceType<T>, key: string): void {
    const { objects, informer } = this.#collection(type);
    const old = objects.get(key);
    if (old === undefined) return;
    objects.delete(key);
    const last = { ...old, metadata: { ...old.metadata, resourceVersion: String(++this.#revision) } };
    this.#show(() => informer.remove(last));
  }

  #show(show: () => void): void {
    if (this.#isFrozen) this.#unseen.push(show);
    else show();
  }

  #collection<T extends ApiObject>(type: ResourceType<T>): Collection<T> {
    const key = `${type.group}/${type.version}/${type.plural}`;
    const found = this.#collections.get(key);
    // The key names the resource type, and a resource type has one object type.
    if (found !== undefined) return found as unknown as Collection<T>;
    const made: Collection<T> = { objects: new Map(), informer: new SharedInformer(type, silentLog) };
    void made.informer.replace(new Map(), this.#revision);
    this.#collections.set(key, made as unknown as Collection<ApiObject>);
    return made;
  }
}

/** A write to the object keeps the old status; a write to its status changes nothing else. */
function withStatusOf<T extends ApiObject>(old: Stored<T>, object: T, isStatusWrite: boolean): T {
  const kept = (isStatusWrite ? object : old) as { readonly status?: unknown };
  const { status: _other, ...rest } = (isStatusWrite ? old : object) as T & { readonly status?: unknown };
  // The same T with one field taken from its other version.
  return (kept.status === undefined ? rest : { ...rest, status: kept.status }) as unknown as T;
}

function splitName({ metadata: { namespace, name = '' } }: ApiObject): ObjectName {
  return namespace === undefined ? { name } : { namespace, name };
}

function failure(status: number, reason: string, type: ResourceType, key: string): ApiError {
  return new ApiError({ status, reason, message: `${type.plural} "${key}": ${reason}` });
}

function toJson(value: object): JsonObject {
  const json: unknown = JSON.parse(JSON.stringify(value));
  return isJsonObject(json) ? json : {};
}

/** JSON merge patch (RFC 7386). */
function mergePatch(target: JsonValue | undefined, patch: JsonValue | undefined): JsonValue | undefined {
  if (!isJsonObject(patch)) return patch;
  const merged: Record<string, JsonValue | undefined> = isJsonObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}
