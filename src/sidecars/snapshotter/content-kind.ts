// The two kinds of content as one: what differs between a snapshot's and a group's, for the one reconciler of both.
import type { ApiObject, ResourceType, Stored } from '#api/object.ts';
import type { Informer } from '#client/informer.ts';
import type { SecretName, SnapshotSecretUse } from '#rules/snapshot-parameters.ts';
import type { SnapshotDeleteProof, SnapshotProofResult } from '#rules/snapshot-proofs.ts';
import type { SnapshotterDeps } from './deps.ts';
import type { ContentView } from './view.ts';

/** Where a content's secrets and parameters are named. */
export interface ClassFacts {
  readonly className: string;
  readonly parameters: Readonly<Record<string, string>>;
}

export interface ContentError {
  readonly message?: string | undefined;
  readonly time?: string | undefined;
}

export interface SnapshotReference {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

export interface CallContext {
  readonly deps: SnapshotterDeps;
  readonly secrets: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** `T` is the content's type, `S` its status. */
export interface ContentKind<T extends ApiObject, S extends object> {
  readonly type: ResourceType<T>;
  readonly finalizer: string;
  readonly beingCreated: string;
  readonly secretUse: SnapshotSecretUse;
  readonly lookupSecretUse: SnapshotSecretUse;
  readonly deletionSecret: { readonly name: string; readonly namespace: string };
  /** Event reasons, as upstream spells them. */
  readonly reasons: { readonly create: string; readonly check: string; readonly delete: string };
  informer(deps: SnapshotterDeps): Informer<T>;
  driverOf(content: Stored<T>): string;
  view(content: Stored<T>): ContentView;
  reference(content: Stored<T>): SnapshotReference;
  /** The class that it names; empty: none. */
  classNameOf(content: Stored<T>): string;
  /** The class as read live; undefined: none is named or it has gone. */
  classOf(deps: SnapshotterDeps, content: Stored<T>, signal: AbortSignal): Promise<ClassFacts | undefined>;
  withStatus(
    content: Stored<T>,
    status: S | { readonly error: ContentError; readonly readyToUse: boolean },
  ): T;
  withMetadata(
    content: Stored<T>,
    changes: {
      readonly annotations?: Readonly<Record<string, string>>;
      readonly finalizers?: readonly string[];
    },
  ): T;
  errorOf(content: Stored<T>): ContentError | undefined;
  /** Calls the driver; gives the status that its answer becomes. */
  create(context: CallContext, content: Stored<T>, parameters: Readonly<Record<string, string>>): Promise<S>;
  /** Undefined: the driver does not know the handle. */
  check(context: CallContext, content: Stored<T>): Promise<S | undefined>;
  prove(deps: SnapshotterDeps, name: string, signal: AbortSignal): Promise<SnapshotProofResult>;
  delete(context: CallContext, proof: SnapshotDeleteProof): Promise<void>;
}

export type Secrets = Readonly<Partial<Record<SnapshotSecretUse, SecretName>>>;
