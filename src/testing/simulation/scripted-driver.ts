// A CSI driver in memory whose every call is an effect: its ledger is durable, its answers can be lost, and what the
// orchestrator may never do to it is written down as a violation.
import type { CsiConnection } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { Random } from '#base/random.ts';
import type { Gate } from './effect-scheduler.ts';

export interface BackendVolume {
  readonly handle: string;
  readonly name: string;
  readonly bytes: string;
}

/** What happens to a call besides its effect. */
export type Fault = 'none' | 'lost-request' | 'lost-reply' | 'refused';

export interface DriverScript {
  readonly random: Random;
  /** Chance of a fault per call, 0 to 1. Set to 0 for the time after which the world must converge. */
  faultRate: number;
  /** Looks at the durable world at the moment of a call; returns what is wrong, or undefined. */
  readonly checkCreate: (name: string) => string | undefined;
  readonly checkDelete: (handle: string) => string | undefined;
}

/** The driver's memory, which outlives every incarnation of the orchestrator. */
export class ScriptedDriver {
  readonly volumes = new Map<string, BackendVolume>();
  readonly violations: string[] = [];
  readonly #requests = new Map<string, string>();
  readonly #deleted = new Set<string>();
  readonly #script: DriverScript;
  #next = 1;

  constructor(script: DriverScript) {
    this.#script = script;
  }

  #fault(): Fault {
    if (this.#script.random.fraction() >= this.#script.faultRate) return 'none';
    const faults: readonly Fault[] = ['lost-request', 'lost-reply', 'refused'];
    return faults[Math.floor(this.#script.random.fraction() * faults.length)] ?? 'none';
  }

  #call<T>(perform: () => T): Promise<T> {
    const fault = this.#fault();
    if (fault === 'lost-request') return Promise.reject(new CsiError('UNAVAILABLE', 'connection refused'));
    if (fault === 'refused') return Promise.reject(new CsiError('FAILED_PRECONDITION', 'not now'));
    const result = perform();
    if (fault === 'lost-reply') return Promise.reject(new CsiError('DEADLINE_EXCEEDED', 'no answer'));
    return Promise.resolve(result);
  }

  #note(violation: string | undefined): void {
    if (violation !== undefined) this.violations.push(violation);
  }

  create(name: string, requestText: string, bytes: string): BackendVolume {
    this.#note(this.#script.checkCreate(name));
    if (this.#deleted.has(name))
      this.violations.push(`I-15: "${name}" was created again after its delete began`);
    const before = this.#requests.get(name);
    if (before !== undefined && before !== requestText)
      this.violations.push(`I-14: the arguments for "${name}" changed`);
    this.#requests.set(name, requestText);
    const existing = [...this.volumes.values()].find((v) => v.name === name);
    if (existing !== undefined) return existing;
    const volume = { handle: `vol-${this.#next++}`, name, bytes };
    this.volumes.set(volume.handle, volume);
    return volume;
  }

  delete(handle: string): void {
    const volume = this.volumes.get(handle);
    if (volume === undefined) return;
    this.#note(this.#script.checkDelete(handle));
    this.#deleted.add(volume.name);
    this.volumes.delete(handle);
  }

  /** A connection of one incarnation. Only the calls that provisioning makes are answered. */
  connect(gate: Gate): CsiConnection {
    const unimplemented = (): Promise<never> => Promise.reject(new CsiError('UNIMPLEMENTED', 'not scripted'));
    const rest = new Proxy({}, { get: () => unimplemented });
    const controller: Partial<CsiConnection['controller']> = {
      createVolume: (request) =>
        gate.effect(`CreateVolume ${request.name ?? ''}`, () =>
          this.#call(() => {
            const bytes = request.capacityRange?.requiredBytes ?? '0';
            const made = this.create(request.name ?? '', JSON.stringify(request), bytes);
            return {
              volume: {
                volumeId: made.handle,
                capacityBytes: made.bytes,
                volumeContext: {},
                contentSource: null,
                accessibleTopology: [],
              },
            };
          }),
        ),
      deleteVolume: (request) =>
        gate.effect(`DeleteVolume ${request.volumeId ?? ''}`, () =>
          this.#call(() => {
            this.delete(request.volumeId ?? '');
            return {};
          }),
        ),
    };
    return {
      identity: rest as CsiConnection['identity'],
      controller: new Proxy(controller, {
        get: (target, name) => Reflect.get(target, name) ?? unimplemented,
      }) as CsiConnection['controller'],
      groupController: rest as CsiConnection['groupController'],
      node: rest as CsiConnection['node'],
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
}
