// What a process that can be killed reaches the world through: each call with an effect waits at its gate until the
// scheduler of the simulation chooses it, and once the gate is closed nothing behind it settles any more.
import { isJsonObject } from '#api/json.ts';
import type { ApiHandler } from '#api/request.ts';
import type { Clock } from '#base/clock.ts';
import type { CsiConnection } from '#csi/client.ts';
import type { Store } from '#store/store.ts';
import type { WriteRequest } from '../invariants/world.ts';
import type { Gate } from '../simulation/effect-scheduler.ts';

/** A clock whose timers die with their process. */
export function gatedClock(clock: Clock, gate: Gate): Clock {
  return {
    now: () => clock.now(),
    elapsed: () => clock.elapsed(),
    after: (ms, kind, fire) =>
      clock.after(ms, kind, () => {
        if (gate.isOpen) fire();
      }),
    turn: (kind) => clock.turn(kind),
  };
}

/** A server of another process: writes are effects, reads end with the gate. */
export function gatedHandler(handler: ApiHandler, gate: Gate, name: string): ApiHandler {
  const closed = new AbortController();
  gate.onClose(() => closed.abort(new Error('the process was killed')));
  return (request) => {
    const signal = AbortSignal.any([request.signal, closed.signal]);
    if (request.method === 'GET') return handler({ ...request, signal });
    const path = request.path.split('?')[0] ?? '';
    return gate.effect(`${name}: ${request.method} ${path}`, () => handler(request));
  };
}

/** Writes each write request into `into`, for the invariants. */
export function recordWrites(handler: ApiHandler, by: string, into: WriteRequest[]): ApiHandler {
  return (request) => {
    if (request.method !== 'GET') {
      const text = request.body === undefined ? '{}' : Buffer.from(request.body).toString();
      const body: unknown = JSON.parse(text === '' ? '{}' : text);
      const { method, path } = request;
      into.push({ by, method, path: path.split('?')[0] ?? '', body: isJsonObject(body) ? body : {} });
    }
    return handler(request);
  };
}

/** `store`, noting the revisions that are committed through it. */
export function notingStore(store: Store, revisions: Set<number>): Store {
  return {
    get revision() {
      return store.revision;
    },
    get compactedTo() {
      return store.compactedTo;
    },
    range: (query) => store.range(query),
    watch: (query, sink) => store.watch(query, sink),
    compact: (revision) => store.compact(revision),
    commit: async (transaction) => {
      const result = await store.commit(transaction);
      if (result.kind === 'committed') revisions.add(result.revision);
      return result;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** A driver's socket: every call but those of its identity is an effect. */
export function gatedConnection(connection: CsiConnection, gate: Gate, name: string): CsiConnection {
  const service = <T extends object>(methods: T): T =>
    new Proxy(methods, {
      get: (target, method) => {
        const call: unknown = Reflect.get(target, method);
        if (typeof call !== 'function') return call;
        return (request: Readonly<Record<string, unknown>>, options: unknown): unknown => {
          const about = [request['volumeId'], request['name'], request['snapshotId']].find(
            (id) => typeof id === 'string',
          );
          const label = `${name}: ${String(method)} ${typeof about === 'string' ? about : ''}`;
          return gate.effect(label, () => Promise.resolve(call.call(target, request, options)));
        };
      },
    });
  return {
    identity: connection.identity,
    controller: service(connection.controller),
    groupController: service(connection.groupController),
    node: service(connection.node),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}
