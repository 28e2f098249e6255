// A CSI driver as its callers see it: one typed call per RPC, unknown answers named as such.
import type {
  ControllerMethods,
  GroupControllerMethods,
  IdentityMethods,
  NodeMethods,
} from './generated/csi.ts';
import type { Caller, Sparse } from '#transport/typed-grpc.ts';

export type { CallOptions, Caller, Sparse } from '#transport/typed-grpc.ts';

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
