// gRPC over unix sockets with @grpc/grpc-js: the client here, the server in grpc-server.ts. Rules GRP5 to GRP12.
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { messageOf } from '#base/errors.ts';
import {
  GRPC_CODES,
  type GrpcConnection,
  GrpcError,
  type GrpcMessage,
  type GrpcMethod,
  type GrpcTransport,
} from '../grpc.ts';
import { grpcCodec, MAX_MESSAGE_BYTES, type MethodCodec } from '../grpc-codec.ts';
import { socketPath } from '../socket-path.ts';
import { serveGrpc } from './grpc-server.ts';

/** The real gRPC transport of this process. */
export function realGrpc(): GrpcTransport {
  return { connect, serve: serveGrpc };
}

interface Cancellable {
  cancel(): void;
}

// A driver that restarts is back within its own start-up time: short pauses between attempts, and a pool of our own
// so that one connection's back-off is never another's.
const CLIENT_OPTIONS = {
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 1000,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.default_authority': 'localhost',
  'grpc.service_config_disable_resolution': 1,
};

function connect(endpoint: string, descriptorJson: string): GrpcConnection {
  const path = socketPath(endpoint);
  const codec = grpcCodec(descriptorJson);
  const client = new Client(`unix:${path}`, credentials.createInsecure(), CLIENT_OPTIONS);
  const open = new Set<Cancellable>();
  let isClosed = false;
  const begin = (method: GrpcMethod): MethodCodec => {
    const found = codec.method(method);
    if (isClosed) throw new GrpcError('CANCELLED', `Cannot call "${found.path}": the connection is closed`);
    return found;
  };
  return {
    unary: async (method, request, options) =>
      callUnary({ client, open, codec: begin(method) }, request, options),
    serverStream: (method, request, signal) =>
      callStream({ client, open, codec: begin(method) }, request, signal),
    async [Symbol.asyncDispose]() {
      isClosed = true;
      for (const call of open) call.cancel();
      client.close();
    },
  };
}

interface Call {
  readonly client: Client;
  readonly open: Set<Cancellable>;
  readonly codec: MethodCodec;
}

const sameBytes = (bytes: Buffer): Buffer => bytes;

function callUnary(
  { client, open, codec }: Call,
  request: GrpcMessage,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<GrpcMessage> {
  return new Promise((resolve, reject) => {
    const bytes = codec.encodeRequest(request);
    if (signal?.aborted === true)
      throw new GrpcError('CANCELLED', `"${codec.path}" was cancelled by its caller`);
    const deadline = Date.now() + timeoutMs;
    const call = client.makeUnaryRequest(
      codec.path,
      sameBytes,
      sameBytes,
      bytes,
      new Metadata(),
      { deadline },
      (error: ServiceError | null, reply?: Buffer) => {
        open.delete(call);
        signal?.removeEventListener('abort', cancel);
        if (error !== null) reject(grpcError(codec.path, error));
        else resolve(decodeReply(codec, reply, reject));
      },
    );
    const cancel = (): void => call.cancel();
    // A unary call tells its error to the callback alone; the listener keeps a late one from ending the process.
    call.on('error', () => undefined);
    open.add(call);
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

function decodeReply(
  codec: MethodCodec,
  reply: Buffer | undefined,
  reject: (error: unknown) => void,
): GrpcMessage {
  try {
    return codec.decodeResponse(reply ?? Buffer.alloc(0));
  } catch (error) {
    reject(error);
    return {};
  }
}

async function* callStream(
  { client, open, codec }: Call,
  request: GrpcMessage,
  signal: AbortSignal,
): AsyncGenerator<GrpcMessage> {
  const bytes = codec.encodeRequest(request);
  if (signal.aborted) throw new GrpcError('CANCELLED', `"${codec.path}" was cancelled by its caller`);
  const call = client.makeServerStreamRequest(codec.path, sameBytes, sameBytes, bytes, new Metadata());
  const cancel = (): void => call.cancel();
  // `error` comes even after cancel(), when nobody iterates any more.
  call.on('error', () => undefined);
  open.add(call);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for await (const reply of call) yield codec.decodeResponse(bufferOf(reply));
  } catch (error) {
    throw grpcError(codec.path, error);
  } finally {
    open.delete(call);
    signal.removeEventListener('abort', cancel);
    call.cancel();
  }
}

function bufferOf(chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk;
  throw new GrpcError('INTERNAL', 'a gRPC stream gave something that is not bytes');
}

/** What grpc-js reports as one of our errors; anything that is not a gRPC status is UNKNOWN, never a success. */
function grpcError(path: string, error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  const number = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  const code = typeof number === 'number' ? GRPC_CODES[number] : undefined;
  const details =
    typeof error === 'object' && error !== null && 'details' in error ? error.details : undefined;
  const text = typeof details === 'string' && details !== '' ? details : messageOf(error);
  if (code === undefined || number === status.OK) return new GrpcError('UNKNOWN', `"${path}": ${text}`);
  return new GrpcError(code, text);
}
