// The container runtime as the agent sees it: typed calls of the CRI's RuntimeService and ImageService over one
// socket. Knows nothing of which runtime answers: containerd, CRI-O or our own sandbox. Rules CRI1 to CRI4.
import type { GrpcConnection, GrpcMessage, GrpcTransport } from '#transport/grpc.ts';
import {
  type ContainerEventResponse,
  DESCRIPTOR_JSON,
  type ImageServiceMethods,
  type RuntimeServiceMethods,
} from './generated/cri.ts';
import type { CallOptions, Caller } from '#transport/typed-grpc.ts';

export type { CallOptions, Caller, Sparse } from '#transport/typed-grpc.ts';

export type RuntimeCalls = Caller<RuntimeServiceMethods>;
export type ImageCalls = Caller<ImageServiceMethods>;

/** One connection to a CRI socket. */
export interface CriRuntime extends AsyncDisposable {
  readonly runtime: RuntimeCalls;
  readonly images: ImageCalls;
  /** Container events as they happen, until the signal aborts; ends or rejects when the runtime has gone. */
  containerEvents(signal: AbortSignal): AsyncIterable<ContainerEventResponse>;
}

const RUNTIME_SERVICE = 'runtime.v1.RuntimeService';
const IMAGE_SERVICE = 'runtime.v1.ImageService';

/** Connects to the runtime behind `endpoint` (`unix:///run/x/cri.sock`). Lazily: the first call connects. */
export function connectRuntime(grpc: GrpcTransport, endpoint: string): CriRuntime {
  const connection = grpc.connect(endpoint, DESCRIPTOR_JSON);
  return {
    runtime: caller<RuntimeServiceMethods>(connection, RUNTIME_SERVICE),
    images: caller<ImageServiceMethods>(connection, IMAGE_SERVICE),
    containerEvents: (signal) => containerEvents(connection, signal),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

async function* containerEvents(
  connection: GrpcConnection,
  signal: AbortSignal,
): AsyncGenerator<ContainerEventResponse> {
  const method = { service: RUNTIME_SERVICE, method: 'GetContainerEvents' };
  for await (const event of connection.serverStream(method, {}, signal)) {
    // The descriptor gave the message this shape when it was decoded.
    yield event as ContainerEventResponse;
  }
}

// Every unary method of a service has the same road, so the functions are made on first use from their names; the
// generated method table is what the compiler checks them against.
function caller<Methods>(connection: GrpcConnection, service: string): Caller<Methods> {
  const made = new Map<string, (request: GrpcMessage, options: CallOptions) => Promise<GrpcMessage>>();
  const proxy = new Proxy(
    {},
    {
      get(_target, name) {
        // A caller is not a promise: `await` looks for `then`.
        if (typeof name !== 'string' || name === 'then') return undefined;
        const existing = made.get(name);
        if (existing !== undefined) return existing;
        const method = { service, method: name.charAt(0).toUpperCase() + name.slice(1) };
        const call = (request: GrpcMessage, options: CallOptions): Promise<GrpcMessage> =>
          connection.unary(method, request, options);
        made.set(name, call);
        return call;
      },
    },
  );
  return proxy as Caller<Methods>;
}
