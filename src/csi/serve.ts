// The server side of CSI: hands a driver's handlers to a gRPC transport. CsiErrors keep their code; anything else that
// a handler throws becomes INTERNAL, which callers must take as "perhaps happened" (CSI2).
import { messageOf } from '#base/errors.ts';
import {
  GrpcError,
  type GrpcHandlers,
  type GrpcMessage,
  type GrpcService,
  type GrpcTransport,
} from '#transport/grpc.ts';
import type { Handlers } from './client.ts';
import { CsiError } from './csi-error.ts';
import {
  type ControllerMethods,
  type GroupControllerMethods,
  DESCRIPTOR_JSON,
  type IdentityMethods,
  type NodeMethods,
} from './generated/csi.ts';

/** What a driver implements; methods that are absent answer UNIMPLEMENTED. */
export interface DriverHandlers {
  readonly identity: Handlers<IdentityMethods>;
  readonly controller?: Partial<Handlers<ControllerMethods>>;
  readonly groupController?: Handlers<GroupControllerMethods>;
  readonly node?: Partial<Handlers<NodeMethods>>;
}

type AnyHandler = (request: GrpcMessage, signal: AbortSignal) => Promise<GrpcMessage>;

/** Serves a driver on a socket until disposed. */
export function serveDriver(
  grpc: GrpcTransport,
  endpoint: string,
  { identity, controller, groupController, node }: DriverHandlers,
): Promise<AsyncDisposable> {
  const services: GrpcService[] = [{ name: 'csi.v1.Identity', handlers: handlersOf(identity) }];
  if (controller !== undefined)
    services.push({ name: 'csi.v1.Controller', handlers: handlersOf(controller) });
  if (groupController !== undefined)
    services.push({ name: 'csi.v1.GroupController', handlers: handlersOf(groupController) });
  if (node !== undefined) services.push({ name: 'csi.v1.Node', handlers: handlersOf(node) });
  return grpc.serve(endpoint, DESCRIPTOR_JSON, services);
}

/** Handlers are typed by the generated table; requests were decoded by the descriptor of the same table. */
function handlersOf(handlers: object): GrpcHandlers {
  const entries = Object.entries(handlers).map(([name, handler]): [string, AnyHandler] => [
    name,
    (request, signal) => answer(() => (handler as AnyHandler)(request, signal)),
  ]);
  return Object.fromEntries(entries);
}

async function answer(handle: () => Promise<GrpcMessage>): Promise<GrpcMessage> {
  try {
    return await handle();
  } catch (error) {
    if (error instanceof CsiError) throw new GrpcError(error.code, error.message);
    throw new GrpcError('INTERNAL', messageOf(error));
  }
}
