// The world of the provisioning simulation: a durable store and a durable driver; a user who cannot be killed; and one
// process with server, binding, protection and provisioner, which can.
import { servedKinds } from '#api/kinds/index.ts';
import type { ConfigMap, PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { configMaps, persistentVolumeClaims, persistentVolumes, storageClasses } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import type { ApiClient } from '#client/api-client.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import { inProcessClient } from '#client/in-process.ts';
import { createInformerSource } from '#client/informer-source.ts';
import type { Service } from '#client/loop.ts';
import { bindingLoop } from '#controllers/binding/connect.ts';
import { protectionLoop } from '#controllers/protection/connect.ts';
import type { Driver } from '#csi/driver.ts';
import { createApiServer } from '#server/server.ts';
import { provisionerLoop } from '#sidecars/provisioner/connect.ts';
import { memoryStore } from '#store/memory.ts';
import type { Store } from '#store/store.ts';
import { seededRandom } from '../seeded-random.ts';
import { type VirtualClock, virtualClock } from '../virtual-clock.ts';
import { EffectScheduler, type Gate, type KillPoint } from './effect-scheduler.ts';
import { gatedStore } from './gated-store.ts';
import { type DriverScript, ScriptedDriver } from './scripted-driver.ts';

const DRIVER = 'scripted.csi.example';
const VERSION = { major: '1', minor: '36', gitVersion: 'v1.36.0' };

export class ProvisionWorld {
  readonly clock: VirtualClock = virtualClock();
  readonly scheduler: EffectScheduler;
  readonly store: Store = memoryStore();
  readonly driver: ScriptedDriver;
  readonly script: DriverScript;
  readonly #seed: number;
  #incarnation = 0;
  #gate: Gate | undefined;
  #stop = new AbortController();
  #user: ApiClient | undefined;

  constructor(seed: number, options: { readonly faultRate: number; readonly kill?: KillPoint }) {
    this.#seed = seed;
    this.scheduler = new EffectScheduler(seededRandom(seed), this.clock);
    this.scheduler.kill = options.kill;
    this.script = {
      random: seededRandom(seed + 1),
      faultRate: options.faultRate,
      checkCreate: (name) => this.#checkCreate(name),
      checkDelete: (handle) => this.#checkDelete(handle),
    };
    this.driver = new ScriptedDriver(this.script);
  }

  /** The administrator's client, whose own server cannot be killed. */
  get user(): ApiClient {
    if (this.#user === undefined) throw new Error('start() comes first');
    return this.#user;
  }

  async start(): Promise<void> {
    const server = await createApiServer({
      clock: this.clock,
      random: seededRandom(this.#seed + 2),
      log: silentLog,
      store: this.store,
      kinds: servedKinds,
      versionInfo: VERSION,
    });
    this.#user = inProcessClient(server.handler, 'simulated-user');
    await this.user.create(storageClasses, {
      metadata: { name: 'scripted' },
      provisioner: DRIVER,
      volumeBindingMode: 'Immediate',
    });
    this.scheduler.onKill = () => this.restart();
    this.restart();
  }

  /** Ends the running incarnation without a word (its promises never settle again) and starts the next. */
  restart(): void {
    this.#gate?.close();
    this.#stop = new AbortController();
    this.#incarnation++;
    const gate = this.scheduler.gate(true);
    this.#gate = gate;
    void this.#run(gate, this.#stop.signal, this.#seed * 1000 + this.#incarnation);
  }

  async #run(gate: Gate, signal: AbortSignal, seed: number): Promise<void> {
    const { clock } = this;
    const random = seededRandom(seed);
    const server = await createApiServer({
      clock: gatedClock(clock, gate),
      random,
      log: silentLog,
      store: gatedStore(this.store, gate, `process ${this.#incarnation}`),
      kinds: servedKinds,
      versionInfo: VERSION,
    });
    const deps = { clock: gatedClock(clock, gate), random, log: silentLog };
    const api = inProcessClient(server.handler, 'loops');
    const informers = createInformerSource({ ...deps, api });
    const events = createEventRecorder({ ...deps, api, component: 'simulation' });
    const loop = { ...deps, api, informers, events };
    const driver: Driver = {
      name: DRIVER,
      connection: this.driver.connect(gate),
      pluginCapabilities: new Set(['CONTROLLER_SERVICE']),
      controllerCapabilities: new Set(['CREATE_DELETE_VOLUME']),
    };
    const services: readonly Service[] = [
      bindingLoop(loop),
      protectionLoop(loop),
      provisionerLoop(loop, { driver }),
      events,
      { name: 'informers', run: (s) => informers.run(s) },
    ];
    await Promise.all(services.map((service) => service.run(signal)));
  }

  /** A user's action as an effect that competes with everything else. */
  act(name: string, action: (user: ApiClient) => Promise<unknown>): void {
    const gate = this.scheduler.gate(false);
    void gate.effect(`user: ${name}`, () => action(this.user));
  }

  createClaim(name: string): void {
    this.act(`creates claim ${name}`, (user) =>
      user.create(persistentVolumeClaims, {
        metadata: { name, namespace: 'default' },
        spec: {
          storageClassName: 'scripted',
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1Gi' } },
        },
      }),
    );
  }

  deleteClaim(name: string): void {
    this.act(`deletes claim ${name}`, async (user) => {
      const claim = await user.find(persistentVolumeClaims, { namespace: 'default', name });
      // Not created yet in this order of events: try again later.
      if (claim === undefined) this.deleteClaim(name);
      else await user.delete(persistentVolumeClaims, { namespace: 'default', name });
    });
  }

  async claims(): Promise<readonly Stored<PersistentVolumeClaim>[]> {
    return (await this.user.list(persistentVolumeClaims)).items;
  }

  async volumes(): Promise<readonly Stored<PersistentVolume>[]> {
    return (await this.user.list(persistentVolumes)).items;
  }

  async intents(): Promise<readonly Stored<ConfigMap>[]> {
    return (await this.user.list(configMaps, { namespace: 'holdfast-system' })).items.filter((c) =>
      c.metadata.name.startsWith('pvc-'),
    );
  }

  #durable: readonly string[] = [];
  #checkCreate(name: string): string | undefined {
    const key = `/registry/core/configmaps/holdfast-system/${name}`;
    return this.#exists(key) ? undefined : `I-13: CreateVolume("${name}") was called without a stored intent`;
  }

  #checkDelete(handle: string): string | undefined {
    const volume = this.driver.volumes.get(handle);
    const claim = this.#durable.find((text) => text.includes(`"volumeName":"${volume?.name ?? ''}"`));
    return claim === undefined
      ? undefined
      : `I-8: DeleteVolume("${handle}") was called while a claim is bound to it`;
  }

  #exists(key: string): boolean {
    return this.#keys.has(key);
  }

  readonly #keys = new Set<string>();

  /** Follows the durable store, so that checks inside a call see the world of that moment. */
  observe(): void {
    const decoder = new TextDecoder();
    const claims = new Map<string, string>();
    this.store.watch(
      { start: '/registry/', end: '/registry0', after: this.store.revision },
      {
        onBatch: ({ events }) => {
          for (const { kind, entry } of events) {
            if (kind === 'put') this.#keys.add(entry.key);
            else this.#keys.delete(entry.key);
            if (!entry.key.includes('/persistentvolumeclaims/')) continue;
            if (kind === 'put') claims.set(entry.key, decoder.decode(entry.value));
            else claims.delete(entry.key);
          }
          this.#durable = [...claims.values()];
        },
        onEnd: () => undefined,
      },
    );
  }
}

/** A clock whose timers die with their process. */
function gatedClock(clock: VirtualClock, gate: Gate): Pick<VirtualClock, 'now' | 'elapsed' | 'after'> {
  return {
    now: () => clock.now(),
    elapsed: () => clock.elapsed(),
    after: (ms, kind, fire) =>
      clock.after(ms, kind, () => {
        if (gate.isOpen) fire();
      }),
  };
}
