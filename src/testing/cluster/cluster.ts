// The whole system in one process and virtual time: the memory store, the real server, every loop of compose/loops.ts,
// the scripted driver and nodes without a kernel. Each process stands behind a gate of the seeded scheduler and can be
// killed; the store, the driver and what is mounted outlive it.
//
//   user ───────────▶ server over the store            never dies
//   control plane ──▶ its own server over the store    in process: commits are effects
//                 └─▶ the user's server over HTTPS     writes are effects
//   node ───────────▶ the user's server                writes and CSI calls are effects
import { servedKinds } from '#api/kinds/index.ts';
import type { ApiHandler } from '#api/request.ts';
import { silentLog } from '#base/log.ts';
import type { ApiClient } from '#client/api-client.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import { connectServer } from '#client/https-transport.ts';
import { inProcessClient } from '#client/in-process.ts';
import { createInformerSource } from '#client/informer-source.ts';
import type { Service } from '#client/loop.ts';
import type { Effects } from '#compose/effects.ts';
import { controlPlaneLoops } from '#compose/loops.ts';
import { runServices } from '#compose/run-services.ts';
import type { CsiConnection } from '#csi/client.ts';
import { memoryFiles } from '#files/memory.ts';
import { DEFAULT_GATES, type FeatureGates } from '#rules/feature-gates.ts';
import { type ApiServer, createApiServer } from '#server/server.ts';
import { memoryStore } from '#store/memory.ts';
import type { Store } from '#store/store.ts';
import { memoryGrpc } from '#transport/memory-grpc.ts';
import { memoryHttp } from '#transport/memory-http.ts';
import { seededRandom } from '../seeded-random.ts';
import { EffectScheduler, type Gate, type KillPoint } from '../simulation/effect-scheduler.ts';
import { gatedStore } from '../simulation/gated-store.ts';
import { ScriptedCsi } from '../simulation/scripted-csi.ts';
import type { DriverTraits } from '../simulation/traits.ts';
import { type VirtualClock, virtualClock } from '../virtual-clock.ts';
import type { World, WriteRequest } from '../invariants/world.ts';
import { type Freezer, type StaleWatch, staleWatches } from './stale-watches.ts';
import { gatedClock, gatedConnection, gatedHandler, notingStore, recordWrites } from './gates.ts';
import { History } from './history.ts';
import { standInNode } from './stand-in-node.ts';

export type ClusterTransport = 'in process' | 'https';

export interface ClusterOptions {
  readonly seed: number;
  readonly transport?: ClusterTransport;
  readonly kill?: KillPoint;
  readonly traits?: Partial<DriverTraits>;
  readonly nodes?: readonly string[];
  readonly gates?: FeatureGates;
  /** What the control plane's caches do not see for a while. */
  readonly stale?: StaleWatch;
}

const VERSION = { major: '1', minor: '36', gitVersion: 'v1.36.0' };
// Virtual time in which a world must come to rest: longer than any back-off.
const REST_WITHIN_MS = 20 * 60_000;

// A look of every loop that looks by the clock: node heartbeats, quota, the driver's list of volumes.
const REST_FOR_MS = 90_000;

interface Process {
  readonly gate: Gate;
  readonly stop: AbortController;
}

export class Cluster {
  readonly clock: VirtualClock = virtualClock();
  readonly store: Store = memoryStore();
  readonly scheduler: EffectScheduler;
  readonly history: History;
  readonly driver: ScriptedCsi;
  readonly options: ClusterOptions;
  /** Nodes whose power is off, or that an operator declared so; for the invariants. */
  readonly powerOffs: { readonly node: string; readonly revision: number; readonly sequence: number }[] = [];
  #user: ApiClient | undefined;
  readonly #servers: ApiServer[] = [];
  #shared: ApiHandler | undefined;
  readonly #userRevisions = new Set<number>();
  /** Write requests of the loops and nodes. */
  readonly writes: WriteRequest[] = [];
  #remote: ApiHandler | undefined;
  #controllerSocket: CsiConnection | undefined;
  readonly #nodeSockets = new Map<string, CsiConnection>();
  readonly #processes = new Map<string, Process>();
  readonly #boots = new Map<string, number>();
  #incarnation = 0;
  readonly failures: unknown[] = [];

  constructor(options: ClusterOptions) {
    this.options = options;
    this.history = new History(this.store);
    this.scheduler = new EffectScheduler(seededRandom(options.seed), this.clock);
    this.scheduler.kill = options.kill;
    this.driver = new ScriptedCsi({
      clock: this.clock,
      traits: options.traits ?? {},
      revision: () => this.store.revision,
    });
  }

  /** The administrator's client, whose server cannot be killed. */
  get user(): ApiClient {
    if (this.#user === undefined) throw new Error('start() comes first');
    return this.#user;
  }

  /** Starts the user's server, the control plane and the nodes. */
  async start(): Promise<void> {
    const own = await this.#newServer(notingStore(this.store, this.#userRevisions), 2);
    this.#user = inProcessClient(own.handler, 'simulated-user');
    // The server that the nodes, and over HTTPS the control plane, talk to.
    const shared = await this.#newServer(this.store, 3);
    this.#shared = recordWrites(shared.handler, 'node', this.writes);
    if (this.options.transport === 'https') this.#remote = await this.#listen(shared);
    this.#controllerSocket = await this.driver.connect();
    this.scheduler.onKill = (gate) => this.#restartOwner(gate);
    this.startControlPlane();
    for (const node of this.options.nodes ?? []) await this.startNode(node);
  }

  async #newServer(store: Store, salt: number): Promise<ApiServer> {
    const random = seededRandom(this.options.seed + salt);
    const { clock } = this;
    const deps = { clock, random, log: silentLog, store, kinds: servedKinds, versionInfo: VERSION };
    const server = await createApiServer(deps);
    this.#servers.push(server);
    return server;
  }

  async #listen(server: ApiServer): Promise<ApiHandler> {
    const http = memoryHttp(() => ({
      commonName: 'holdfast:loops',
      organizations: ['holdfast:control-plane', 'system:authenticated'],
    }));
    const tls = { certificate: '', privateKey: '', certificateAuthority: '' };
    const { port } = await http.listen({ host: '127.0.0.1', port: 0, tls, ...server.http });
    return connectServer(http, { server: `https://127.0.0.1:${port}` }, this.clock).send;
  }

  /** Ends the running control plane without a word, if there is one, and starts the next. */
  startControlPlane(): void {
    const { gate, stop } = this.#replace('control plane', true);
    this.#launch(this.#runControlPlane(gate, stop.signal));
  }

  async #runControlPlane(gate: Gate, signal: AbortSignal): Promise<void> {
    const incarnation = ++this.#incarnation;
    const clock = gatedClock(this.clock, gate);
    const random = seededRandom(this.options.seed * 1000 + incarnation);
    const effects: Effects = { clock, random, log: silentLog, files: memoryFiles(), grpc: memoryGrpc(clock) };
    const name = `control plane ${incarnation}`;
    const services: Service[] = [];
    let handler: ApiHandler;
    if (this.#remote !== undefined) {
      handler = gatedHandler(this.#remote, gate, name);
    } else {
      const store = gatedStore(this.store, gate, name);
      const server = await createApiServer({ ...effects, store, kinds: servedKinds, versionInfo: VERSION });
      handler = server.handler;
      services.push(...server.services);
    }
    handler = recordWrites(handler, name, this.writes);
    if (this.options.stale !== undefined)
      handler = staleWatches(handler, this.options.stale, this.#frozenAfter());
    const socket = this.#controllerSocket;
    const drivers = socket === undefined ? [] : [gatedConnection(socket, gate, name)];
    await runServices(
      [
        ...services,
        ...controlPlaneLoops(effects, { handler, drivers, gates: this.options.gates ?? DEFAULT_GATES }),
      ],
      signal,
    );
  }

  /** Frozen once `after` killable effects have happened, and for `ms` of virtual time from then. */
  #frozenAfter(): Freezer {
    const { after = 0, ms = 0 } = this.options.stale ?? {};
    let thaws: Promise<void> | undefined;
    return {
      hold: () => {
        if (this.scheduler.killableEffects < after) return undefined;
        thaws ??= new Promise((resolve) => this.clock.after(ms, 'deadline', () => resolve()));
        return thaws;
      },
    };
  }

  /** Starts a node's agent; a node that was powered off comes back with another boot. */
  async startNode(node: string): Promise<void> {
    const socket = this.#nodeSockets.get(node) ?? (await this.driver.connect(node));
    this.#nodeSockets.set(node, socket);
    const { gate, stop } = this.#replace(node, true);
    this.#launch(this.#runNode(node, socket, gate, stop.signal));
  }

  async #runNode(name: string, socket: CsiConnection, gate: Gate, signal: AbortSignal): Promise<void> {
    const shared = this.#shared;
    if (shared === undefined) throw new Error('start() comes first');
    const clock = gatedClock(this.clock, gate);
    const random = seededRandom(this.options.seed * 1000 + ++this.#incarnation);
    const api = inProcessClient(gatedHandler(shared, gate, name), name);
    const base = { api, clock, random, log: silentLog };
    const informers = createInformerSource(base);
    const recorder = createEventRecorder({ ...base, component: 'kubelet' });
    const node = standInNode(
      { ...base, informers, events: recorder },
      {
        name,
        driver: this.driver.traits.name,
        bootId: `${name}-boot-${this.#boots.get(name) ?? 1}`,
        connection: gatedConnection(socket, gate, name),
        backend: this.driver.backend,
        topologyKey: this.driver.traits.topologyKey,
        limit: this.driver.traits.maxVolumesPerNode,
      },
    );
    await runServices([node, recorder, { name: 'informers', run: (s) => informers.run(s) }], signal);
  }

  /** Takes the node's power: its agent and everything mounted there are gone. */
  powerOff(node: string): void {
    this.kill(node);
    this.driver.backend.powerOff(node);
    this.#boots.set(node, (this.#boots.get(node) ?? 1) + 1);
    const { revision } = this.store;
    this.powerOffs.push({ node, revision, sequence: this.driver.mark() });
  }

  /** Ends a process without a word: `control plane`, or a node's agent. Its mounts stay. */
  kill(name: string): void {
    const running = this.#processes.get(name);
    running?.gate.close();
    this.#processes.delete(name);
  }

  #replace(name: string, isKillable: boolean): Process {
    this.#processes.get(name)?.gate.close();
    const process = { gate: this.scheduler.gate(isKillable), stop: new AbortController() };
    this.#processes.set(name, process);
    return process;
  }

  #restartOwner(gate: Gate): void {
    for (const [name, process] of this.#processes) {
      if (process.gate !== gate) continue;
      if (name === 'control plane') this.startControlPlane();
      else this.#launch(this.startNode(name));
    }
  }

  #launch(running: Promise<void>): void {
    running.catch((error: unknown) => this.failures.push(error));
  }

  /** A user's action as an effect that competes with everything else. */
  act(name: string, action: (user: ApiClient) => Promise<unknown>): void {
    const gate = this.scheduler.gate(false);
    gate
      .effect(`user: ${name}`, () => action(this.user))
      .catch((error: unknown) => this.failures.push(error));
  }

  /** Runs until nothing is left to do, or until only waiting is. */
  async settle(): Promise<void> {
    await this.scheduler.settle(REST_WITHIN_MS, REST_FOR_MS);
    if (this.failures.length > 0) throw new AggregateError(this.failures, String(this.failures[0]));
  }

  /** What the invariants look at. */
  world(isQuiet: boolean): World {
    return {
      driver: this.driver.traits.name,
      changes: this.history.changes,
      batches: this.history.batches,
      calls: this.driver.calls,
      backend: this.driver.backend,
      writes: this.writes,
      userRevisions: this.#userRevisions,
      powerOffs: this.powerOffs,
      isQuiet,
    };
  }

  /** Stops everything in order. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { gate, stop } of this.#processes.values()) {
      gate.close();
      stop.abort();
    }
    for (const server of this.#servers) await server[Symbol.asyncDispose]();
  }
}

/** A cluster that has started and come to rest. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const cluster = new Cluster(options);
  await cluster.start();
  return cluster;
}
