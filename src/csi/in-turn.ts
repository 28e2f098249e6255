// One controller call at a time for each volume (I-20): the loops of one driver share this connection, so that a volume
// is never attached, grown, modified or deleted by two calls at once. A call waits until the one before it has ended,
// however it ended; its deadline begins with its turn.
import type { CallOptions, CsiConnection, CsiController } from './client.ts';

type AnyCall = (request: { readonly volumeId?: string }, options: CallOptions) => Promise<unknown>;

/** `connection` with its controller's calls in turn. Calls that name no volume are not held up. */
export function inTurn(connection: CsiConnection): CsiConnection {
  const last = new Map<string, Promise<unknown>>();
  const queued = (volumeId: string, call: () => Promise<unknown>): Promise<unknown> => {
    const before = last.get(volumeId);
    const turn = before === undefined ? call() : before.then(call, call);
    last.set(volumeId, turn);
    const forget = (): void => {
      if (last.get(volumeId) === turn) last.delete(volumeId);
    };
    turn.then(forget, forget);
    return turn;
  };
  const controller: CsiController = new Proxy(connection.controller, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      const call: AnyCall = (request, options) => method.call(target, request, options);
      const inItsTurn: AnyCall = (request, options) => {
        const { volumeId = '' } = request;
        return volumeId === '' ? call(request, options) : queued(volumeId, () => call(request, options));
      };
      return inItsTurn;
    },
  });
  return {
    identity: connection.identity,
    controller,
    groupController: connection.groupController,
    node: connection.node,
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}
