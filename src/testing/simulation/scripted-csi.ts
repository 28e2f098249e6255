// A whole CSI driver in memory with a hook before and after every call: refusals, lost requests and replies, effects
// that come late or twice, capabilities that change. What it remembers is durable; every call is written to a log that
// the invariants read. Serve it with serveDriver, or take a connection that needs no transport of its own.
import type { Clock } from '#base/clock.ts';
import type { CsiConnection } from '#csi/client.ts';
import { connectDriver } from '#csi/connect.ts';
import { CsiError } from '#csi/csi-error.ts';
import { type DriverHandlers, serveDriver } from '#csi/serve.ts';
import type { GrpcCode, GrpcTransport } from '#transport/grpc.ts';
import { memoryGrpc } from '#transport/memory-grpc.ts';
import { Backend } from './backend.ts';
import { controllerCalls } from './controller-calls.ts';
import { nodeCalls } from './node-calls.ts';
import { groupCalls } from './snapshot-calls.ts';
import { allTraits, type DriverTraits } from './traits.ts';

export type CsiServiceName = 'identity' | 'controller' | 'groupController' | 'node';

/** One time that a call did something, whether its caller learned of it or not. */
export interface CallEffect {
  readonly sequence: number;
  readonly revision: number;
  readonly code: GrpcCode;
  readonly reply: object;
}

/** One call as the driver saw it. */
export interface CsiCall {
  /** Its place among all beginnings, effects and ends of calls. */
  readonly sequence: number;
  readonly service: CsiServiceName;
  readonly method: string;
  /** Empty for the controller service. */
  readonly nodeId: string;
  readonly request: Readonly<Record<string, unknown>>;
  /** Milliseconds of virtual time. */
  readonly at: number;
  /** The store's revision when it began. */
  readonly revision: number;
  /** When it took effect: not at all, once, or (a duplicate) more often. */
  readonly effects: CallEffect[];
  /** Absent while it runs, and for ever when its caller died. */
  end?: { readonly sequence: number; readonly revision: number; readonly code: GrpcCode };
}

/** What happens to a call besides its effect. */
export type Fault =
  /** Answers `code` and does nothing. */
  | { readonly kind: 'refuse'; readonly code: GrpcCode }
  | { readonly kind: 'lose-request' }
  | { readonly kind: 'lose-reply' }
  /** The caller's deadline passes; the effect comes `afterMs` later. Until then the volume's calls are ABORTED. */
  | { readonly kind: 'slow'; readonly afterMs: number }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'fail-after-effect'; readonly code: GrpcCode };

export interface DriverHooks {
  /** Asked before each call; the first fault that a hook gives is the call's. */
  before?: (call: CsiCall) => Fault | undefined;
  /** Told after each effect, before the answer leaves. */
  after?: (call: CsiCall, reply: object) => void;
}

export interface ScriptedCsiOptions {
  readonly clock: Clock;
  readonly traits?: Partial<DriverTraits>;
  /** The revision of the store, for the log. */
  readonly revision?: () => number;
}

type AnyHandler = (request: never, signal: AbortSignal) => Promise<object>;

export class ScriptedCsi {
  readonly backend = new Backend();
  readonly traits: DriverTraits;
  readonly calls: CsiCall[] = [];
  hooks: DriverHooks = {};
  readonly #clock: Clock;
  readonly #revision: () => number;
  readonly #pending = new Set<string>();
  #sequence = 0;

  constructor({ clock, traits = {}, revision = () => 0 }: ScriptedCsiOptions) {
    this.#clock = clock;
    this.#revision = revision;
    this.traits = allTraits(traits);
  }

  /** The handlers of the controller socket, or with `nodeId` of that node's socket. */
  handlers(nodeId?: string): DriverHandlers {
    const { backend, traits } = this;
    const now = (): number => this.#clock.now();
    const identity = {
      getPluginInfo: async () => ({ name: traits.name, vendorVersion: '1' }),
      getPluginCapabilities: async () => ({
        capabilities: [...traits.pluginCapabilities].map((type) => ({
          service: { type: type as 'UNKNOWN' },
        })),
      }),
      probe: async () => ({ ready: { value: true } }),
    };
    const wrap = <T extends object>(service: CsiServiceName, handlers: T): T =>
      this.#wrap(service, nodeId ?? '', handlers);
    if (nodeId !== undefined) {
      return { identity, node: wrap('node', nodeCalls(backend, traits, nodeId)) };
    }
    return {
      identity,
      controller: wrap('controller', controllerCalls(backend, traits, now)),
      groupController: wrap('groupController', groupCalls(backend, now)),
    };
  }

  /** A connection to the controller service, or with `nodeId` to that node's; encoded as on the wire. */
  async connect(nodeId?: string): Promise<CsiConnection> {
    const grpc = memoryGrpc(this.#clock);
    await this.serve(grpc, '/scripted.sock', nodeId);
    return connectDriver(grpc, '/scripted.sock');
  }

  serve(grpc: GrpcTransport, endpoint: string, nodeId?: string): Promise<AsyncDisposable> {
    return serveDriver(grpc, endpoint, this.handlers(nodeId));
  }

  /** Calls of one method, in order. */
  callsOf(method: string): readonly CsiCall[] {
    return this.calls.filter((call) => call.method === method);
  }

  /** The place in the log of something that happened outside of it. */
  mark(): number {
    return ++this.#sequence;
  }

  #wrap<T extends object>(service: CsiServiceName, nodeId: string, handlers: T): T {
    const wrapped = Object.entries(handlers).map(([method, handler]): [string, AnyHandler] => [
      method,
      (request: object) =>
        this.#call({ service, method, nodeId, request }, () =>
          // Each handler takes the request of its own method, which is what it is wrapped under.
          (handler as AnyHandler)(request as never, new AbortController().signal),
        ),
    ]);
    // The same keys with functions of the same types: only their effects are watched.
    return Object.fromEntries(wrapped) as unknown as T;
  }

  async #call(
    what: { service: CsiServiceName; method: string; nodeId: string; request: object },
    effect: () => Promise<object>,
  ): Promise<object> {
    const call = this.#begin(what);
    try {
      const reply = await this.#answer(call, effect);
      this.#end(call, 'OK');
      return reply;
    } catch (error) {
      this.#end(call, error instanceof CsiError ? error.code : 'INTERNAL');
      throw error;
    }
  }

  async #answer(call: CsiCall, effect: () => Promise<object>): Promise<object> {
    const key = subjectOf(call);
    if (this.#pending.has(key)) throw new CsiError('ABORTED', `an operation on "${key}" is pending`);
    const fault = this.hooks.before?.(call);
    switch (fault?.kind) {
      case undefined:
        return this.#perform(call, effect);
      case 'refuse':
        throw new CsiError(fault.code, 'refused as scripted');
      case 'lose-request':
        throw new CsiError('UNAVAILABLE', 'connection refused');
      case 'lose-reply':
        await this.#perform(call, effect);
        throw new CsiError('DEADLINE_EXCEEDED', 'no answer in time');
      case 'fail-after-effect':
        await this.#perform(call, effect);
        throw new CsiError(fault.code, 'failed as scripted, after the effect');
      case 'duplicate':
        await this.#perform(call, effect);
        return this.#perform(call, effect);
      case 'slow':
        this.#pending.add(key);
        this.#clock.after(fault.afterMs, 'deadline', () => {
          this.#pending.delete(key);
          // Whether it works is nobody's business any more.
          this.#perform(call, effect).catch(() => undefined);
        });
        throw new CsiError('DEADLINE_EXCEEDED', 'no answer in time');
    }
  }

  async #perform(call: CsiCall, effect: () => Promise<object>): Promise<object> {
    const at = { sequence: ++this.#sequence, revision: this.#revision() };
    try {
      const reply = await effect();
      call.effects.push({ ...at, code: 'OK', reply });
      this.hooks.after?.(call, reply);
      return reply;
    } catch (error) {
      call.effects.push({ ...at, code: error instanceof CsiError ? error.code : 'INTERNAL', reply: {} });
      throw error;
    }
  }

  #begin(what: { service: CsiServiceName; method: string; nodeId: string; request: object }): CsiCall {
    const call: CsiCall = {
      ...what,
      sequence: ++this.#sequence,
      request: { ...what.request },
      at: this.#clock.elapsed(),
      revision: this.#revision(),
      effects: [],
    };
    this.calls.push(call);
    return call;
  }

  #end(call: CsiCall, code: GrpcCode): void {
    call.end = { sequence: ++this.#sequence, revision: this.#revision(), code };
  }
}

/** What a call is about: one thing is worked on by one call at a time. */
export function subjectOf({ request, nodeId }: CsiCall): string {
  const { volumeId, name, snapshotId, groupSnapshotId } = request;
  const subject = [volumeId, name, snapshotId, groupSnapshotId].find(
    (id) => typeof id === 'string' && id !== '',
  );
  return `${nodeId} ${typeof subject === 'string' ? subject : ''}`;
}
