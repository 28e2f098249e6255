// A CSI driver as its callers see it: one typed call per RPC, unknown answers named as such.
import type {
  ControllerMethods,
  GroupControllerMethods,
  IdentityMethods,
  NodeMethods,
} from './generated/csi.ts';

/** Request with every field optional: absent fields travel as their zero value. */
export type Sparse<T> = T extends string | number | boolean | Uint8Array | null
  ? T
  : T extends readonly (infer E)[]
    ? readonly Sparse<E>[]
    : { readonly [K in keyof T]?: Sparse<T[K]> | undefined };

export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** The unary calls of one gRPC service as functions. Reject only with CsiError (csi/csi-error.ts). */
export type Caller<Methods> = {
  readonly [M in keyof Methods]: Methods[M] extends { readonly request: infer Q; readonly response: infer R }
    ? (request: Sparse<Q>, options: CallOptions) => Promise<R>
    : never;
};

/** The unary handlers of one gRPC service. Throw CsiError to answer with a gRPC code. */
export type Handlers<Methods> = {
  readonly [M in keyof Methods]: Methods[M] extends { readonly request: infer Q; readonly response: infer R }
    ? (request: Q, signal: AbortSignal) => Promise<Sparse<R>>
    : never;
};

export type CsiIdentity = Caller<IdentityMethods>;
export type CsiController = Caller<ControllerMethods>;
export type CsiGroupController = Caller<GroupControllerMethods>;
export type CsiNode = Caller<NodeMethods>;

/** One connection to a driver's socket. */
export interface CsiConnection extends AsyncDisposable {
  readonly identity: CsiIdentity;
  readonly controller: CsiController;
  readonly groupController: CsiGroupController;
  readonly node: CsiNode;
}
