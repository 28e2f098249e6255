// What the invariants look at: the store's history, the log of the driver's calls, what the driver has at the end, the
// writes that reached the server, and what was done to the world from outside.
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Node,
  ConfigMap,
} from '#api/generated/core-v1.ts';
import type { VolumeAttachment } from '#api/generated/storage-v1.ts';
import type { Stored } from '#api/object.ts';
import type { ChangeBatch } from '#store/store.ts';
import type { Change } from '../cluster/history.ts';
import type { Backend } from '../simulation/backend.ts';
import type { CallEffect, CsiCall } from '../simulation/scripted-csi.ts';

/** A write request of a loop. */
export interface WriteRequest {
  readonly by: string;
  readonly method: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface World {
  readonly driver: string;
  readonly changes: readonly Change[];
  readonly batches: readonly ChangeBatch[];
  readonly calls: readonly CsiCall[];
  readonly backend: Pick<Backend, 'volumes'>;
  readonly writes: readonly WriteRequest[];
  /** Revisions that the administrator or a tenant wrote. */
  readonly userRevisions: ReadonlySet<number>;
  readonly powerOffs: readonly {
    readonly node: string;
    readonly revision: number;
    readonly sequence: number;
  }[];
  /** Nothing is left to do: the invariants of a quiet world hold too. */
  readonly isQuiet: boolean;
}

export interface Violation {
  readonly invariant: string;
  readonly message: string;
  readonly revision: number;
}

/** Objects of the store at one moment, by name or `namespace/name`. */
export class Objects {
  readonly volumes = new Map<string, Stored<PersistentVolume>>();
  readonly claims = new Map<string, Stored<PersistentVolumeClaim>>();
  readonly pods = new Map<string, Stored<Pod>>();
  readonly nodes = new Map<string, Stored<Node>>();
  readonly attachments = new Map<string, Stored<VolumeAttachment>>();
  readonly intents = new Map<string, Stored<ConfigMap>>();

  apply({ key, kind, object }: Change): void {
    const { plural, name } = placeOf(key);
    const map = this.#mapOf(plural, name);
    if (map === undefined) return;
    if (kind === 'delete') map.delete(name);
    // What the store holds has passed the server's validation.
    else map.set(name, object as never);
  }

  #mapOf(plural: string, name: string): Map<string, unknown> | undefined {
    switch (plural) {
      case 'persistentvolumes':
        return this.volumes;
      case 'persistentvolumeclaims':
        return this.claims;
      case 'pods':
        return this.pods;
      case 'nodes':
        return this.nodes;
      case 'volumeattachments':
        return this.attachments;
      case 'configmaps':
        return name.startsWith('holdfast-system/pvc-') ? this.intents : undefined;
      default:
        return undefined;
    }
  }

  claimByUid(uid: string | undefined): Stored<PersistentVolumeClaim> | undefined {
    return uid === undefined ? undefined : [...this.claims.values()].find((c) => c.metadata.uid === uid);
  }

  volumesOfHandle(driver: string, handle: string): readonly Stored<PersistentVolume>[] {
    return [...this.volumes.values()].filter(
      ({ spec }) => spec?.csi?.driver === driver && spec.csi.volumeHandle === handle,
    );
  }
}

/** `persistentvolumeclaims` and `default/data` of a key of the store. */
export function placeOf(key: string): { readonly plural: string; readonly name: string } {
  const [, , , plural = '', ...name] = key.split('/');
  return { plural, name: name.join('/') };
}

/** One invariant: told of everything in the order in which it happened. */
export interface Watcher {
  change?(change: Change, now: Moment): void;
  callBegins?(call: CsiCall, now: Moment): void;
  callTakesEffect?(call: CsiCall, effect: CallEffect, now: Moment): void;
  callEnds?(call: CsiCall, code: string, now: Moment): void;
  powerOff?(node: string, now: Moment): void;
  /** The end of history; `now.world.isQuiet` says whether the world is at rest. */
  end?(now: Moment): void;
}

export interface Moment {
  readonly world: World;
  /** After the change that is told. */
  readonly objects: Objects;
  readonly revision: number;
  readonly isByUser: boolean;
}

export interface Invariant {
  /** `I-13`. */
  readonly id: string;
  readonly says: string;
  watch(report: (message: string) => void): Watcher;
}

interface Step {
  readonly revision: number;
  /** Changes of a revision come before the calls that saw it. */
  readonly order: number;
  readonly tell: (watcher: Watcher, now: Moment) => void;
  readonly change?: Change;
}

/** Every violation of `invariants` in a world. */
export function findViolations(world: World, invariants: readonly Invariant[]): readonly Violation[] {
  const objects = new Objects();
  const found: Violation[] = [];
  let revision = 0;
  const watchers = invariants.map(({ id, watch }) =>
    watch((message) => found.push({ invariant: id, message, revision })),
  );
  const tellAll = (step: Omit<Step, 'order'>): void => {
    revision = step.revision;
    const isByUser = step.change !== undefined && world.userRevisions.has(revision);
    for (const watcher of watchers) step.tell(watcher, { world, objects, revision, isByUser });
  };
  for (const step of stepsOf(world)) {
    if (step.change !== undefined) objects.apply(step.change);
    tellAll(step);
  }
  tellAll({ revision, tell: (watcher, now) => watcher.end?.(now) });
  return found;
}

function stepsOf(world: World): readonly Step[] {
  const changes = world.changes.map(
    (change): Step => ({
      revision: change.revision,
      order: 0,
      change,
      tell: (watcher, now) => watcher.change?.(change, now),
    }),
  );
  const calls = world.calls.flatMap((call): readonly Step[] => [
    { revision: call.revision, order: call.sequence, tell: (w, now) => w.callBegins?.(call, now) },
    ...call.effects.map(
      (effect): Step => ({
        revision: effect.revision,
        order: effect.sequence,
        tell: (w, now) => w.callTakesEffect?.(call, effect, now),
      }),
    ),
    ...(call.end === undefined ? [] : [endOf(call, call.end)]),
  ]);
  const powerOffs = world.powerOffs.map(
    ({ node, revision, sequence }): Step => ({
      revision,
      order: sequence,
      tell: (watcher, now) => watcher.powerOff?.(node, now),
    }),
  );
  return [...changes, ...calls, ...powerOffs].sort((a, b) => a.revision - b.revision || a.order - b.order);
}

function endOf(call: CsiCall, { revision, sequence, code }: NonNullable<CsiCall['end']>): Step {
  return { revision, order: sequence, tell: (watcher, now) => watcher.callEnds?.(call, code, now) };
}

/** A text field of a call's request. */
export function asked(call: CsiCall, field: string): string {
  const value = call.request[field];
  return typeof value === 'string' ? value : '';
}
