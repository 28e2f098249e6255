// A gRPC server on a unix socket: the socket file's life (rules GRP5, GRP9) and the dispatch to handlers (GRP6 to GRP8).
import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { once } from 'node:events';
import { chmod, lstat, mkdir, unlink } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { dirname } from 'node:path';
import { codeOf, messageOf } from '#base/errors.ts';
import { GRPC_CODES, GrpcError, type GrpcMessage, type GrpcService } from '../grpc.ts';
import { grpcCodec, MAX_MESSAGE_BYTES, type MethodCodec } from '../grpc-codec.ts';
import { socketPath } from '../socket-path.ts';

// Calls in flight get this long to end by themselves when the server is disposed.
const SHUTDOWN_MS = 500;

type AnyHandler = (
  request: GrpcMessage,
  signal: AbortSignal,
) => Promise<GrpcMessage> | AsyncIterable<GrpcMessage>;

/** Serves `services` on the socket until disposed. */
export async function serveGrpc(
  endpoint: string,
  descriptorJson: string,
  services: readonly GrpcService[],
): Promise<AsyncDisposable> {
  const path = socketPath(endpoint);
  const codec = grpcCodec(descriptorJson);
  const server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  });
  const stopping = new AbortController();
  for (const service of services) {
    const methods = codec.methodsOf(service.name);
    server.addService(definitionOf(methods), implementationOf(methods, service, stopping.signal));
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await removeOrphanedSocket(path);
  await bind(server, path);
  // Between the two calls the umask already keeps other users from connecting; after this, also the group.
  await chmod(path, 0o600);
  const { ino } = await lstat(path);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await shutDown(server);
      await unlinkSocket(path, ino);
    },
  };
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(new GrpcError('UNAVAILABLE', `Cannot listen on the socket "${path}": ${messageOf(error)}`));
    });
  });
}

/** A socket file nobody listens on is removed; anything else at that path is left and named in the error. */
async function removeOrphanedSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new GrpcError(
      'FAILED_PRECONDITION',
      `Cannot listen on "${path}": a file that is no socket is there`,
    );
  }
  if (await answers(path)) {
    throw new GrpcError('ALREADY_EXISTS', `Cannot listen on "${path}": another process serves this socket`);
  }
  await unlinkSocket(path, found.ino);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectSocket(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // ECONNREFUSED proves that nobody listens; any other error (a full backlog, no permission) proves nothing.
    socket.once('error', (error) => resolve(!['ECONNREFUSED', 'ENOENT'].includes(codeOf(error) ?? '')));
  });
}

async function unlinkSocket(path: string, ino: number): Promise<void> {
  try {
    const found = await lstat(path);
    if (found.isSocket() && found.ino === ino) await unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

async function shutDown(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, SHUTDOWN_MS);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
  server.forceShutdown();
}

function definitionOf(methods: readonly MethodCodec[]): ServiceDefinition {
  return Object.fromEntries(
    methods.map((codec) => [
      codec.handlerName,
      {
        path: codec.path,
        requestStream: codec.streamsRequests,
        responseStream: codec.streamsResponses,
        // Requests are decoded in the handler, so that a request that cannot be read gets an answer of ours.
        requestSerialize: (bytes: Buffer) => bytes,
        requestDeserialize: (bytes: Buffer) => bytes,
        responseSerialize: (bytes: Buffer) => bytes,
        responseDeserialize: (bytes: Buffer) => bytes,
      },
    ]),
  );
}

function implementationOf(
  methods: readonly MethodCodec[],
  service: GrpcService,
  stopping: AbortSignal,
): UntypedServiceImplementation {
  const entries = methods.flatMap((codec) => {
    const handler = handlerOf(service, codec.handlerName);
    // grpc-js answers UNIMPLEMENTED for what is missing here. Streams of requests have no users yet.
    if (handler === undefined || codec.streamsRequests) return [];
    return [
      [
        codec.handlerName,
        codec.streamsResponses ? streaming(codec, handler, stopping) : unary(codec, handler, stopping),
      ],
    ];
  });
  return Object.fromEntries(entries);
}

/** The handler of a method: a GrpcHandlers entry takes the message type of its own method, which the codec makes. */
function handlerOf(service: GrpcService, name: string): AnyHandler | undefined {
  if (!Object.hasOwn(service.handlers, name)) return undefined;
  return service.handlers[name] as AnyHandler | undefined;
}

function unary(codec: MethodCodec, handler: AnyHandler, stopping: AbortSignal) {
  return (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void => {
    const cancelled = new AbortController();
    call.on('cancelled', () => cancelled.abort());
    call.on('error', () => undefined);
    answerUnary(codec, handler, call.request, AbortSignal.any([cancelled.signal, stopping])).then(
      (bytes) => answer(null, bytes),
      (error: unknown) => answer(statusOf(error)),
    );
  };
}

async function answerUnary(
  codec: MethodCodec,
  handler: AnyHandler,
  request: Buffer,
  signal: AbortSignal,
): Promise<Buffer> {
  const answer = handler(codec.decodeRequest(request), signal);
  if (!(answer instanceof Promise)) {
    throw new GrpcError('INTERNAL', `the handler of "${codec.path}" streams, its method does not`);
  }
  return codec.encodeResponse(await answer);
}

function streaming(codec: MethodCodec, handler: AnyHandler, stopping: AbortSignal) {
  return (call: ServerWritableStream<Buffer, Buffer>): void => {
    const cancelled = new AbortController();
    call.on('cancelled', () => cancelled.abort());
    call.on('error', () => undefined);
    answerStream(codec, handler, call, AbortSignal.any([cancelled.signal, stopping])).then(
      () => call.end(),
      (error: unknown) => call.emit('error', statusOf(error)),
    );
  };
}

async function answerStream(
  codec: MethodCodec,
  handler: AnyHandler,
  call: ServerWritableStream<Buffer, Buffer>,
  signal: AbortSignal,
): Promise<void> {
  const answer = handler(codec.decodeRequest(call.request), signal);
  if (answer instanceof Promise) {
    throw new GrpcError('INTERNAL', `the handler of "${codec.path}" answers once, its method streams`);
  }
  for await (const message of answer) {
    if (signal.aborted) return;
    if (call.write(codec.encodeResponse(message))) continue;
    // A slow reader holds its own stream only.
    await once(call, 'drain', { signal }).catch(() => undefined);
  }
}

function statusOf(error: unknown): { readonly code: number; readonly details: string } {
  const code = error instanceof GrpcError ? error.code : 'INTERNAL';
  return { code: GRPC_CODES.indexOf(code), details: messageOf(error).slice(0, 4096) };
}
