// gRPC as the rest of Holdfast sees it: a connection that makes unary and server-streaming calls described by a
// protobufjs JSON descriptor, and a server of handlers. Real over unix sockets (transport/real), in memory in testing.

export const GRPC_CODES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** The name of a gRPC status code; its index in GRPC_CODES is the number on the wire. */
export type GrpcCode = (typeof GRPC_CODES)[number];

/** A gRPC status that is not OK. Handlers throw it; callers receive it. */
export class GrpcError extends Error {
  override readonly name: string = 'GrpcError';
  readonly code: GrpcCode;
  constructor(code: GrpcCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Names one method: `{ service: 'csi.v1.Identity', method: 'GetPluginInfo' }`. */
export interface GrpcMethod {
  readonly service: string;
  readonly method: string;
}

/** Messages as plain objects in the shape of the generated types (camelCase, int64 as decimal strings). */
export type GrpcMessage = object;

export interface GrpcConnection extends AsyncDisposable {
  unary(
    method: GrpcMethod,
    request: GrpcMessage,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<GrpcMessage>;
  serverStream(method: GrpcMethod, request: GrpcMessage, signal: AbortSignal): AsyncIterable<GrpcMessage>;
}

/** Lower-camel method name to handler. A stream handler is an async generator. */
export type GrpcHandlers = Readonly<
  Record<string, (request: never, signal: AbortSignal) => Promise<GrpcMessage> | AsyncIterable<GrpcMessage>>
>;

export interface GrpcService {
  /** `csi.v1.Identity`. */
  readonly name: string;
  readonly handlers: GrpcHandlers;
}

export interface GrpcTransport {
  /** `endpoint`: `unix:///path/csi.sock` or an absolute socket path. Connects lazily; calls say UNAVAILABLE. */
  connect(endpoint: string, descriptorJson: string): GrpcConnection;
  /** Listens on a unix socket (mode 0600, an orphaned socket file is replaced). Methods without handler: UNIMPLEMENTED. */
  serve(endpoint: string, descriptorJson: string, services: readonly GrpcService[]): Promise<AsyncDisposable>;
}
