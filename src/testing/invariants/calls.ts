// I-16 to I-21: the order of attach and mount, who may hold a volume, and one call at a time.
import { certaintyOf } from '#csi/csi-error.ts';
import type { GrpcCode } from '#transport/grpc.ts';
import { uniqueVolumeName } from '#rules/attachment-name.ts';
import { BOOT_ID, HONOURS_BOOT_ID, OUT_OF_SERVICE_TAINT } from '#rules/well-known.ts';
import type { Change } from '../cluster/history.ts';
import { type CsiCall, subjectOf } from '../simulation/scripted-csi.ts';
import { asked, type Invariant, type Moment, placeOf } from './world.ts';

/** What the orchestrator may believe: law 3. */
type Believed = 'present' | 'unknown';

interface Place {
  readonly volumeId: string;
  readonly node: string;
  readonly kind: 'attached' | 'staged' | 'published';
  readonly path: string;
  readonly mode: string;
}

const DOES: Readonly<Record<string, Place['kind']>> = {
  controllerPublishVolume: 'attached',
  nodeStageVolume: 'staged',
  nodePublishVolume: 'published',
};
const UNDOES: Readonly<Record<string, Place['kind']>> = {
  controllerUnpublishVolume: 'attached',
  nodeUnstageVolume: 'staged',
  nodeUnpublishVolume: 'published',
};

/** Where each volume is attached, staged and published, as far as answers tell: unknown until a call is answered. */
class Beliefs {
  readonly #places = new Map<string, { readonly place: Place; believed: Believed }>();

  begins(call: CsiCall): void {
    const kind = DOES[call.method] ?? UNDOES[call.method];
    if (kind === undefined) return;
    const place = placeOfCall(call, kind);
    const known = this.#places.get(keyOfPlace(place));
    if (known !== undefined) known.believed = 'unknown';
    else if (call.method in DOES) this.#places.set(keyOfPlace(place), { place, believed: 'unknown' });
  }

  ends(call: CsiCall, code: string): void {
    const kind = DOES[call.method] ?? UNDOES[call.method];
    if (kind === undefined) return;
    const key = keyOfPlace(placeOfCall(call, kind));
    const known = this.#places.get(key);
    if (known === undefined) return;
    if (code === 'OK' && call.method in DOES) known.believed = 'present';
    else if (code === 'OK') this.#places.delete(key);
    // A final refusal of the first attempt: it was never there.
    else if (call.method in DOES && call.effects.length === 0 && certaintyOf(code as GrpcCode) === 'final') {
      this.#places.delete(key);
    }
  }

  powerOff(node: string): void {
    for (const [key, { place }] of this.#places) {
      if (place.node === node && place.kind !== 'attached') this.#places.delete(key);
    }
  }

  find(kind: Place['kind'], volumeId: string, node?: string): readonly Place[] {
    return [...this.#places.values()]
      .map(({ place }) => place)
      .filter((p) => p.kind === kind && p.volumeId === volumeId && (node === undefined || p.node === node));
  }

  isPresent(kind: Place['kind'], volumeId: string, node: string): boolean {
    return [...this.#places.values()].some(
      ({ place: p, believed }) =>
        p.kind === kind && p.volumeId === volumeId && p.node === node && believed === 'present',
    );
  }
}

function placeOfCall(call: CsiCall, kind: Place['kind']): Place {
  const capability = call.request['volumeCapability'] as {
    readonly accessMode?: { readonly mode?: string };
  } | null;
  const path =
    kind === 'published'
      ? asked(call, 'targetPath')
      : kind === 'staged'
        ? asked(call, 'stagingTargetPath')
        : '';
  const node = kind === 'attached' ? asked(call, 'nodeId') : call.nodeId;
  return { volumeId: asked(call, 'volumeId'), node, kind, path, mode: capability?.accessMode?.mode ?? '' };
}

const keyOfPlace = ({ volumeId, node, kind, path }: Place): string => `${kind} ${volumeId} ${node} ${path}`;

/** A watcher that keeps beliefs, and asks `check` before each call begins. */
function believing(
  check: (call: CsiCall, beliefs: Beliefs, now: Moment) => string | undefined,
): Invariant['watch'] {
  return (report) => {
    const beliefs = new Beliefs();
    return {
      callBegins(call, now) {
        const problem = check(call, beliefs, now);
        if (problem !== undefined) report(problem);
        beliefs.begins(call);
      },
      callEnds: (call, code) => beliefs.ends(call, code),
      powerOff: (node) => beliefs.powerOff(node),
    };
  };
}

const ordered: Invariant = {
  id: 'I-16',
  says: 'attach, stage, publish in this order, each confirmed; and back in the other',
  watch: believing((call, beliefs, now) => {
    const id = asked(call, 'volumeId');
    const on = `${call.method}("${id}") on "${call.nodeId}"`;
    const left = (kind: Place['kind'], node?: string): string | undefined =>
      beliefs.find(kind, id, node)[0] === undefined ? undefined : `${on} while it may be ${kind}`;
    switch (call.method) {
      case 'nodeUnstageVolume':
        return left('published', call.nodeId);
      case 'controllerUnpublishVolume':
        return undefined; // I-17 tells
      case 'deleteVolume':
        return left('attached');
      case 'nodeStageVolume':
        return needsAttachment(now) && !beliefs.isPresent('attached', id, call.nodeId)
          ? `${on} before it is attached`
          : undefined;
      case 'nodePublishVolume': {
        const needsStage = asked(call, 'stagingTargetPath') !== '';
        const isReady = !needsStage || beliefs.isPresent('staged', id, call.nodeId);
        return isReady ? undefined : `${on} before it is staged`;
      }
      default:
        return undefined;
    }
  }),
};

/** Without ControllerPublish calls of that driver there is nothing to wait for. */
function needsAttachment({ world }: Moment): boolean {
  return world.calls.some(({ method }) => method === 'controllerPublishVolume');
}

/**
 * What each node has let go: it neither used the volume nor was offered it, and has not been offered it since. What it
 * reports to want to use after that it does not begin to use: it waits for the offer.
 */
class LetGo {
  readonly #listed = new Map<string, ReadonlySet<string>>();
  readonly #letGo = new Set<string>();

  change({ key }: Change, { objects }: Moment): void {
    const { plural, name } = placeOf(key);
    if (plural !== 'nodes') return;
    const { volumesAttached = [], volumesInUse = [] } = objects.nodes.get(name)?.status ?? {};
    const offered = volumesAttached.map((one) => one.name);
    const listed = new Set([...offered, ...volumesInUse]);
    for (const volume of this.#listed.get(name) ?? []) {
      if (!listed.has(volume)) this.#letGo.add(`${name} ${volume}`);
    }
    for (const volume of offered) this.#letGo.delete(`${name} ${volume}`);
    this.#listed.set(name, listed);
  }

  has(node: string, volume: string): boolean {
    return this.#letGo.has(`${node} ${volume}`);
  }
}

const detachedByProof: Invariant = {
  id: 'I-17',
  says: 'ControllerUnpublish is sent only when the node let go or is fenced',
  watch: (report) => {
    const letGo = new LetGo();
    const watcher = detachChecked(letGo)(report);
    return { ...watcher, change: (change, now) => letGo.change(change, now) };
  },
};

const detachChecked = (letGo: LetGo): Invariant['watch'] =>
  believing((call, beliefs, { world, objects }) => {
    if (call.method !== 'controllerUnpublishVolume') return undefined;
    const id = asked(call, 'volumeId');
    const name = asked(call, 'nodeId');
    const node = objects.nodes.get(name);
    if ((node?.spec?.taints ?? []).some(({ key }) => key === OUT_OF_SERVICE_TAINT)) return undefined;
    const unique = uniqueVolumeName({ driver: world.driver, volumeHandle: id });
    const isUsed = (node?.status?.volumesInUse ?? []).includes(unique) && !letGo.has(name, unique);
    const held = [...beliefs.find('published', id, name), ...beliefs.find('staged', id, name)][0];
    if (!isUsed && held === undefined) return undefined;
    const attachment = [...objects.attachments.values()].find(
      ({ spec }) =>
        spec.nodeName === name &&
        objects.volumes.get(spec.source.persistentVolumeName ?? '')?.spec?.csi?.volumeHandle === id,
    );
    const honours = node?.metadata.annotations?.[HONOURS_BOOT_ID] === 'true';
    const recorded = attachment?.metadata.annotations?.[BOOT_ID];
    if (honours && recorded !== undefined && recorded !== node?.status?.nodeInfo?.bootID) return undefined;
    const why = held === undefined ? 'reports it in use' : `may have it ${held.kind} at "${held.path}"`;
    return `ControllerUnpublish("${id}", "${name}") while the node ${why}`;
  });

const SINGLE = new Set(['SINGLE_NODE_WRITER', 'SINGLE_NODE_SINGLE_WRITER', 'SINGLE_NODE_MULTI_WRITER']);

const exclusive: Invariant = {
  id: 'I-18',
  says: 'a single-node volume is attached to one node at most, a ReadWriteOncePod volume has one pod at most',
  watch: believing((call, beliefs, { objects }) => {
    const id = asked(call, 'volumeId');
    if (call.method === 'controllerPublishVolume') {
      const { mode, node } = placeOfCall(call, 'attached');
      const others = beliefs.find('attached', id).filter((place) => place.node !== node);
      if (!SINGLE.has(mode) || others[0] === undefined) return undefined;
      return `ControllerPublish("${id}", "${node}") while "${others[0].node}" may have it`;
    }
    if (call.method !== 'nodePublishVolume') return undefined;
    const isOfOnePod = [...objects.volumes.values()].some(
      ({ spec }) => spec?.csi?.volumeHandle === id && spec.accessModes?.includes('ReadWriteOncePod') === true,
    );
    const others = beliefs.find('published', id).filter(({ path, node }) => {
      const isFenced = (objects.nodes.get(node)?.spec?.taints ?? []).some(
        (t) => t.key === OUT_OF_SERVICE_TAINT,
      );
      return !isFenced && (path !== asked(call, 'targetPath') || node !== call.nodeId);
    });
    if (!isOfOnePod || others[0] === undefined) return undefined;
    return `"${id}" is published at "${asked(call, 'targetPath')}" while "${others[0].path}" may have it`;
  }),
};

const readOnly: Invariant = {
  id: 'I-19',
  says: 'a volume that is only ReadOnlyMany is published read-only',
  watch: believing((call, _, { objects }) => {
    if (call.method !== 'nodePublishVolume' || call.request['readonly'] === true) return undefined;
    const id = asked(call, 'volumeId');
    const volume = [...objects.volumes.values()].find(({ spec }) => spec?.csi?.volumeHandle === id);
    const modes = volume?.spec?.accessModes ?? [];
    const isReadOnly = modes.length > 0 && modes.every((mode) => mode === 'ReadOnlyMany');
    return isReadOnly ? `"${id}" is published writable at "${asked(call, 'targetPath')}"` : undefined;
  }),
};

const READS = new Set([
  'nodeGetVolumeStats',
  'controllerGetVolume',
  'validateVolumeCapabilities',
  'getSnapshot',
]);

const oneAtATime: Invariant = {
  id: 'I-20',
  says: 'one call at a time for each volume and service',
  watch: (report) => {
    const running = new Map<string, CsiCall>();
    return {
      callBegins(call) {
        const subject = subjectOf(call);
        if (READS.has(call.method) || subject === `${call.nodeId} `) return;
        const other = running.get(subject);
        if (other !== undefined) report(`${call.method} began while ${other.method} of "${subject}" ran`);
        running.set(subject, call);
      },
      callEnds(call) {
        if (running.get(subjectOf(call)) === call) running.delete(subjectOf(call));
      },
    };
  },
};

const mountedFirst: Invariant = {
  id: 'I-21',
  says: 'a pod runs only after all of its volumes are published',
  watch: (report) => {
    const beliefs = new Beliefs();
    return {
      callBegins: (call) => beliefs.begins(call),
      callEnds: (call, code) => beliefs.ends(call, code),
      powerOff: (node) => beliefs.powerOff(node),
      change({ key, kind, previous }, { world, objects, isByUser }) {
        const { plural, name } = placeOf(key);
        const pod = plural === 'pods' && kind === 'put' ? objects.pods.get(name) : undefined;
        const before = (previous as { readonly status?: { readonly phase?: string } } | undefined)?.status
          ?.phase;
        if (pod?.status?.phase !== 'Running' || before === 'Running' || isByUser) return;
        for (const { persistentVolumeClaim: source } of pod.spec?.volumes ?? []) {
          if (source === undefined) continue;
          const claim = objects.claims.get(`${pod.metadata.namespace ?? ''}/${source.claimName}`);
          const csi = objects.volumes.get(claim?.spec?.volumeName ?? '')?.spec?.csi;
          if (csi === undefined || csi.driver !== world.driver) continue;
          const there = beliefs.find('published', csi.volumeHandle, pod.spec?.nodeName);
          if (there.some(({ path }) => path.includes(pod.metadata.uid))) continue;
          report(`pod ${name} runs without "${csi.volumeHandle}"`);
        }
      },
    };
  },
};

export const CALLS: readonly Invariant[] = [
  ordered,
  detachedByProof,
  exclusive,
  readOnly,
  oneAtATime,
  mountedFirst,
];
