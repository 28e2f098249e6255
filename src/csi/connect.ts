// The client side of CSI: one typed function a method over one connection to a driver's socket. Every failure is a
// CsiError; a reply that breaks the field limits of the specification is refused before anyone stores it (CSI3).
import { messageOf } from '#base/errors.ts';
import { type GrpcCode, GrpcError, type GrpcMessage, type GrpcTransport } from '#transport/grpc.ts';
import type {
  CallOptions,
  CsiConnection,
  CsiController,
  CsiGroupController,
  CsiIdentity,
  CsiNode,
} from './client.ts';
import { CsiError } from './csi-error.ts';
import { DESCRIPTOR_JSON } from './generated/csi.ts';
import { checkReply } from './reply-limits.ts';
import { CONTROLLER_METHODS, GROUP_CONTROLLER_METHODS, IDENTITY_METHODS, NODE_METHODS } from './services.ts';

type Call = (request: GrpcMessage, options: CallOptions) => Promise<GrpcMessage>;

/** Connects lazily to the driver at `endpoint`; calls say UNAVAILABLE while nobody listens there. */
export function connectDriver(grpc: GrpcTransport, endpoint: string): CsiConnection {
  const connection = grpc.connect(endpoint, DESCRIPTOR_JSON);
  const calls = (service: string, methods: readonly string[]): Readonly<Record<string, Call>> =>
    Object.fromEntries(
      methods.map((method): [string, Call] => [
        method,
        (request, options) => call(() => connection.unary({ service, method }, request, options), method),
      ]),
    );
  // The four records have exactly the methods of the generated interfaces: services.ts checks that at compile time,
  // and the descriptor that encodes and decodes is generated from the same table as the types.
  return {
    identity: calls('csi.v1.Identity', IDENTITY_METHODS) as unknown as CsiIdentity,
    controller: calls('csi.v1.Controller', CONTROLLER_METHODS) as unknown as CsiController,
    groupController: calls(
      'csi.v1.GroupController',
      GROUP_CONTROLLER_METHODS,
    ) as unknown as CsiGroupController,
    node: calls('csi.v1.Node', NODE_METHODS) as unknown as CsiNode,
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

async function call(send: () => Promise<GrpcMessage>, method: string): Promise<GrpcMessage> {
  let reply: GrpcMessage;
  try {
    reply = await send();
  } catch (error) {
    throw csiError(error);
  }
  const broken = checkReply(method, reply);
  if (broken === undefined) return reply;
  // The driver has done the work and answered nonsense: what happened is not known, so the code is an uncertain one.
  throw new CsiError('INTERNAL', `The driver answered ${method} with what CSI forbids: ${broken}`);
}

function csiError(error: unknown): CsiError {
  if (error instanceof CsiError) return error;
  const code: GrpcCode = error instanceof GrpcError ? error.code : 'UNKNOWN';
  return new CsiError(code, messageOf(error));
}
