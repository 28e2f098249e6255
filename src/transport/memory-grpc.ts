// The in-memory twin of the real gRPC transport, for simulations and tests: messages pass through the same encoders,
// so shapes and limits are those of the wire; time comes from a Clock; nothing else is asynchronous. Rules GRP1 to GRP12.
import type { Clock } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import {
  type GrpcConnection,
  GrpcError,
  type GrpcMessage,
  type GrpcMethod,
  type GrpcService,
  type GrpcTransport,
} from './grpc.ts';
import { type GrpcCodec, grpcCodec, type MethodCodec } from './grpc-codec.ts';
import { socketPath } from './socket-path.ts';

type AnyHandler = (
  request: GrpcMessage,
  signal: AbortSignal,
) => Promise<GrpcMessage> | AsyncIterable<GrpcMessage>;

interface Listener {
  readonly services: readonly GrpcService[];
  readonly stopping: AbortSignal;
}

/** A gRPC network of its own: servers are found by socket path, as on one machine. */
export function memoryGrpc(clock: Clock): GrpcTransport {
  const listeners = new Map<string, Listener>();
  return {
    connect(endpoint, descriptorJson) {
      const path = socketPath(endpoint);
      return connection({ clock, codec: grpcCodec(descriptorJson), find: () => listeners.get(path), path });
    },
    async serve(endpoint, descriptorJson, services) {
      const path = socketPath(endpoint);
      const codec = grpcCodec(descriptorJson);
      for (const service of services) codec.methodsOf(service.name);
      if (listeners.has(path)) {
        throw new GrpcError(
          'ALREADY_EXISTS',
          `Cannot listen on "${path}": another process serves this socket`,
        );
      }
      const stopping = new AbortController();
      const listener = { services, stopping: stopping.signal };
      listeners.set(path, listener);
      return {
        async [Symbol.asyncDispose]() {
          if (listeners.get(path) === listener) listeners.delete(path);
          stopping.abort();
        },
      };
    },
  };
}

interface Network {
  readonly clock: Clock;
  readonly codec: GrpcCodec;
  readonly path: string;
  readonly find: () => Listener | undefined;
}

function connection(network: Network): GrpcConnection {
  const closed = new AbortController();
  const begin = (method: GrpcMethod): MethodCodec => {
    const codec = network.codec.method(method);
    if (closed.signal.aborted) throw cancelled(codec);
    return codec;
  };
  return {
    async unary(method, request, { timeoutMs, signal }) {
      const codec = begin(method);
      const bytes = codec.encodeRequest(request);
      if (signal?.aborted === true) throw cancelled(codec);
      const signals = signal === undefined ? [closed.signal] : [closed.signal, signal];
      return codec.decodeResponse(await callUnary(network, codec, bytes, { timeoutMs, signals }));
    },
    serverStream: (method, request, signal) =>
      callStream(network, () => begin(method), request, [closed.signal, signal]),
    async [Symbol.asyncDispose]() {
      closed.abort();
    },
  };
}

/** The first of: the handler's answer, the deadline, a cancel, the end of the server. */
function callUnary(
  network: Network,
  codec: MethodCodec,
  bytes: Buffer,
  { timeoutMs, signals }: { readonly timeoutMs: number; readonly signals: readonly AbortSignal[] },
): Promise<Buffer> {
  const { listener, handler } = route(network, codec);
  const stop = new AbortController();
  return new Promise<Buffer>((resolve, reject) => {
    const timer = network.clock.after(timeoutMs, 'deadline', () => {
      fail(new GrpcError('DEADLINE_EXCEEDED', `"${codec.path}" had no answer after ${timeoutMs} ms`));
    });
    const end = watch([
      ...signals.map((signal) => [signal, () => fail(cancelled(codec))] as const),
      [listener.stopping, () => fail(lost(codec))],
    ]);
    const settle = (finish: () => void): void => {
      timer.cancel();
      end();
      finish();
    };
    const fail = (error: GrpcError): void => {
      settle(() => reject(error));
      stop.abort();
    };
    answerUnary(codec, handler, bytes, stop.signal).then(
      (reply) => settle(() => resolve(reply)),
      (error: unknown) => settle(() => reject(statusOf(error))),
    );
  });
}

async function answerUnary(
  codec: MethodCodec,
  handler: AnyHandler,
  bytes: Buffer,
  signal: AbortSignal,
): Promise<Buffer> {
  const answer = handler(codec.decodeRequest(bytes), signal);
  if (!(answer instanceof Promise)) {
    throw new GrpcError('INTERNAL', `the handler of "${codec.path}" streams, its method does not`);
  }
  return codec.encodeResponse(await answer);
}

async function* callStream(
  network: Network,
  begin: () => MethodCodec,
  request: GrpcMessage,
  signals: readonly AbortSignal[],
): AsyncGenerator<GrpcMessage> {
  const codec = begin();
  const bytes = codec.encodeRequest(request);
  if (signals.some((signal) => signal.aborted)) throw cancelled(codec);
  const { listener, handler } = route(network, codec);
  const stop = AbortSignal.any([...signals, listener.stopping]);
  const replies = handler(codec.decodeRequest(bytes), stop);
  if (replies instanceof Promise) {
    throw new GrpcError('INTERNAL', `the handler of "${codec.path}" answers once, its method streams`);
  }
  const iterator = replies[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await untilStopped(iterator.next(), stop);
      if (next === 'stopped') throw listener.stopping.aborted ? lost(codec) : cancelled(codec);
      if (next.done === true) return;
      yield codec.decodeResponse(codec.encodeResponse(next.value));
    }
  } catch (error) {
    throw statusOf(error);
  } finally {
    // Not awaited: a generator that waits for something else must not hold its reader.
    iterator.return?.().catch(() => undefined);
  }
}

function untilStopped<T>(next: Promise<T>, stop: AbortSignal): Promise<T | 'stopped'> {
  return new Promise((resolve, reject) => {
    const end = watch([[stop, () => resolve('stopped')]]);
    next.then(resolve, reject).finally(end);
  });
}

/** Calls each listener when its signal aborts (at once when it has); returns what stops listening. */
function watch(pairs: readonly (readonly [AbortSignal, () => void])[]): () => void {
  for (const [signal, listener] of pairs) {
    if (signal.aborted) queueMicrotask(listener);
    else signal.addEventListener('abort', listener, { once: true });
  }
  return () => {
    for (const [signal, listener] of pairs) signal.removeEventListener('abort', listener);
  };
}

function route(network: Network, codec: MethodCodec): { listener: Listener; handler: AnyHandler } {
  const listener = network.find();
  if (listener === undefined) {
    throw new GrpcError('UNAVAILABLE', `No connection to "${network.path}": nobody listens there`);
  }
  const service = listener.services.find(({ name }) => codec.path.startsWith(`/${name}/`));
  const handler =
    service !== undefined && Object.hasOwn(service.handlers, codec.handlerName)
      ? (service.handlers[codec.handlerName] as AnyHandler | undefined)
      : undefined;
  if (handler === undefined) {
    throw new GrpcError('UNIMPLEMENTED', `The server does not implement "${codec.path}"`);
  }
  return { listener, handler };
}

function cancelled(codec: MethodCodec): GrpcError {
  return new GrpcError('CANCELLED', `"${codec.path}" was cancelled by its caller`);
}

function lost(codec: MethodCodec): GrpcError {
  return new GrpcError('UNAVAILABLE', `"${codec.path}": the connection was lost before an answer came`);
}

function statusOf(error: unknown): GrpcError {
  if (error instanceof GrpcError) return new GrpcError(error.code, error.message);
  return new GrpcError('INTERNAL', messageOf(error).slice(0, 4096));
}
