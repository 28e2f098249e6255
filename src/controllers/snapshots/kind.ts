// The two kinds of snapshot as one: what differs between VolumeSnapshot and VolumeGroupSnapshot, for the one reconciler
// of both. `T` is the snapshot's type, `C` its content's.
import type { ApiObject, ResourceType, Stored } from '#api/object.ts';
import type { Informer } from '#client/informer.ts';
import type { SnapshotsDeps } from './deps.ts';
import type { Source } from './sources.ts';
import type { ContentFacts, SnapshotFacts } from './view.ts';

export interface MetadataChanges {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
}

export interface SnapshotClass {
  readonly name: string;
  readonly driver: string;
  readonly deletionPolicy: 'Delete' | 'Retain';
  readonly parameters: Readonly<Record<string, string>>;
  readonly isDefault: boolean;
}

export interface SnapshotError {
  readonly message: string;
  readonly time: string;
}

export interface SnapshotKind<T extends ApiObject, C extends ApiObject> {
  readonly type: ResourceType<T>;
  readonly contentType: ResourceType<C>;
  /** What the snapshot needs before it has a content, and what goes at its end. */
  readonly finalizers: readonly string[];
  readonly contentFinalizer: string;
  readonly beingDeleted: string;
  /** `Snapshot` or `GroupSnapshot`, the beginning of upstream's event reasons. */
  readonly word: 'Snapshot' | 'GroupSnapshot';
  informer(deps: SnapshotsDeps): Informer<T>;
  contentInformer(deps: SnapshotsDeps): Informer<C>;
  facts(snapshot: Stored<T>): SnapshotFacts;
  contentFacts(content: Stored<C>): ContentFacts;
  /** The name of the content that belongs to it, made or given. */
  contentName(snapshot: Stored<T>): string;
  classes(deps: SnapshotsDeps): Iterable<SnapshotClass>;
  withClass(snapshot: Stored<T>, name: string): T;
  withMetadata(snapshot: Stored<T>, changes: MetadataChanges): T;
  contentWithMetadata(content: Stored<C>, changes: MetadataChanges): C;
  /** The content with the snapshot's UID, and its class where the content names none. */
  boundContent(snapshot: Stored<T>, content: Stored<C>): C;
  /** The snapshot with the status that its content gives; the very same object when that is what it has. */
  published(deps: SnapshotsDeps, snapshot: Stored<T>, content: Stored<C>): Stored<T>;
  withError(snapshot: Stored<T>, error: SnapshotError): T;
  errorOf(snapshot: Stored<T>): string | undefined;
  progressOf(snapshot: T): { readonly isCreated: boolean; readonly isReady: boolean };
  /** What it is taken of, read live; throws SourceUnfit. */
  sources(deps: SnapshotsDeps, snapshot: Stored<T>, signal: AbortSignal): Promise<readonly Source[]>;
  newContent(request: {
    readonly snapshot: Stored<T>;
    readonly sources: readonly Source[];
    readonly snapshotClass: SnapshotClass;
    readonly annotations: Readonly<Record<string, string>>;
  }): C;
  secretAnnotations(
    snapshotClass: SnapshotClass,
    snapshot: Stored<T>,
  ): Readonly<Record<string, string>> | { readonly refused: string };
  /** Who still needs a snapshot that is being deleted, from the caches or read live. */
  neededBy(deps: SnapshotsDeps, snapshot: Stored<T>): string | undefined;
  neededByLive(deps: SnapshotsDeps, snapshot: Stored<T>, signal: AbortSignal): Promise<string | undefined>;
}
