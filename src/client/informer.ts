// The informer interface: a local, indexed, frozen copy of one resource type that follows the server.
import type { ApiObject, ResourceType, Stored } from '#api/object.ts';

export type InformerEvent<T extends ApiObject> =
  | { readonly kind: 'added'; readonly object: Stored<T> }
  /** A changed UID is delivered as deleted, then added (k/k#80475). */
  | { readonly kind: 'updated'; readonly object: Stored<T>; readonly previous: Stored<T> }
  | { readonly kind: 'deleted'; readonly object: Stored<T> };

export interface Informer<T extends ApiObject> {
  readonly type: ResourceType<T>;
  /** True once the first full state has arrived. */
  readonly synced: boolean;
  whenSynced(signal: AbortSignal): Promise<void>;
  /** By `namespace/name` or `name`. Objects are frozen. */
  get(key: string): Stored<T> | undefined;
  list(): Iterable<Stored<T>>;
  /** Objects under `value` of the index `index`, given when the informer was made. */
  byIndex(index: string, value: string): readonly Stored<T>[];
  /** Replays `added` for what is there, then follows. Returns the function that stops it. */
  subscribe(listener: (event: InformerEvent<T>) => void): () => void;
  /** The newest resourceVersion this cache reflects, as an integer. */
  readonly revision: number;
  /** Calls `reached` once when the cache has `revision` (perhaps at once); the returned function forgets it. */
  onRevision?(revision: number, reached: () => void): () => void;
}

/** Index name to a function from an object to the values it stands under. */
export type Indexes<T extends ApiObject> = Readonly<Record<string, (object: Stored<T>) => readonly string[]>>;

/** Makes and shares informers: one per resource type and process. */
export interface InformerSource {
  informer<T extends ApiObject>(type: ResourceType<T>, indexes?: Indexes<T>): Informer<T>;
  /** Runs every informer asked for, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  whenAllSynced(signal: AbortSignal): Promise<void>;
}
