// I-12 to I-15: nothing that the backend made is ever lost.
import type { CsiCall } from '../simulation/scripted-csi.ts';
import { certaintyOf } from '#csi/csi-error.ts';
import type { GrpcCode } from '#transport/grpc.ts';
import { PROVISIONED_BY } from '#rules/well-known.ts';
import { asked, type Invariant, placeOf } from './world.ts';

const CREATE = 'createVolume';
const DELETE = 'deleteVolume';

const known: Invariant = {
  id: 'I-12',
  says: 'in a quiet world each backend volume has one object or one intent, and each object its backend volume',
  watch: (report) => {
    const retained = new Set<string>();
    return {
      change({ key, kind, object }, { objects }) {
        const { plural, name } = placeOf(key);
        if (plural !== 'persistentvolumes') return;
        const volume =
          kind === 'delete' ? (object as unknown as ReturnType<typeof objects.volumes.get>) : undefined;
        const { csi, persistentVolumeReclaimPolicy } = volume?.spec ?? {};
        // An administrator may take the object of a retained volume away.
        if (csi !== undefined && persistentVolumeReclaimPolicy !== 'Delete') retained.add(csi.volumeHandle);
        if (kind === 'put') retained.delete(objects.volumes.get(name)?.spec?.csi?.volumeHandle ?? '');
      },
      end({ world, objects }) {
        if (!world.isQuiet) return;
        for (const { id, name } of world.backend.volumes.values()) {
          const owners = objects.volumesOfHandle(world.driver, id).length;
          const intents = objects.intents.has(`holdfast-system/${name}`) ? 1 : 0;
          if (owners + intents === 0 && !retained.has(id)) report(`"${id}" (${name}) is known to nobody`);
        }
        for (const { metadata, spec } of objects.volumes.values()) {
          const handle = spec?.csi?.volumeHandle ?? '';
          const isMade = metadata.annotations?.[PROVISIONED_BY] === world.driver;
          const isThere = metadata.deletionTimestamp !== undefined || world.backend.volumes.has(handle);
          if (isMade && !isThere) report(`"${metadata.name}" names "${handle}", which the backend has not`);
        }
      },
    };
  },
};

/** What is known of the volumes that calls made: name to id, and which exist. */
function madeBy(call: CsiCall, reply: object): string | undefined {
  if (call.method !== CREATE) return undefined;
  const { volume } = reply as { readonly volume?: { readonly volumeId?: string } };
  return volume?.volumeId;
}

const intended: Invariant = {
  id: 'I-13',
  says: 'an intent is stored before CreateVolume, and goes only when an object or nothing at all is there',
  watch: (report) => {
    const idOf = new Map<string, string>();
    return {
      callBegins(call, { objects }) {
        const name = asked(call, 'name');
        if (call.method !== CREATE || objects.intents.has(`holdfast-system/${name}`)) return;
        report(`CreateVolume("${name}") without a stored intent`);
      },
      callTakesEffect(call, { code, reply }) {
        if (code !== 'OK') return;
        const made = madeBy(call, reply);
        if (made !== undefined) idOf.set(asked(call, 'name'), made);
        if (call.method !== DELETE) return;
        for (const [name, id] of idOf) if (id === asked(call, 'volumeId')) idOf.delete(name);
      },
      change({ key, kind }, { world, objects }) {
        const { plural, name: place } = placeOf(key);
        if (plural !== 'configmaps' || kind !== 'delete' || !place.startsWith('holdfast-system/pvc-')) return;
        const name = place.slice('holdfast-system/'.length);
        const id = idOf.get(name);
        if (id === undefined) return;
        const owner = objects.volumesOfHandle(world.driver, id)[0];
        if (owner === undefined) report(`the intent "${name}" is gone, "${id}" exists without an object`);
      },
    };
  },
};

const constant: Invariant = {
  id: 'I-14',
  says: 'the arguments of CreateVolume for one name stay the same while its outcome is unknown',
  watch: (report) => {
    const open = new Map<string, string>();
    /** Names whose only answers so far say that there is no room. */
    const full = new Map<string, number>();
    return {
      callBegins(call) {
        if (call.method !== CREATE) return;
        const { secrets, ...rest } = call.request;
        const text = JSON.stringify(rest);
        const before = open.get(asked(call, 'name'));
        if (before !== undefined && before !== text)
          report(`"${asked(call, 'name')}": ${before} became ${text}`);
        open.set(asked(call, 'name'), text);
      },
      callEnds(call, code) {
        // What is final for the only attempt is known; after an unknown one the first certain answer is an OK.
        const isFinal = code === 'OK' || certaintyOf(code as GrpcCode) === 'final';
        if (call.method === CREATE && isFinal && code !== 'OK' && call.effects.length === 0) {
          open.delete(asked(call, 'name'));
        }
        if (call.method !== CREATE) return;
        const name = asked(call, 'name');
        // One answer may be the transport's; a second in a row is the driver's (PRV13).
        const times =
          code === 'RESOURCE_EXHAUSTED' && open.has(name) ? (full.get(name) ?? 0) + 1 : Number.NaN;
        full.set(name, times);
        if (times !== 2) return;
        open.delete(name);
        full.delete(name);
      },
    };
  },
};

const once: Invariant = {
  id: 'I-15',
  says: 'a name is never created again after its delete began',
  watch: (report) => {
    const nameOf = new Map<string, string>();
    const begun = new Set<string>();
    return {
      callTakesEffect(call, { code, reply }) {
        const made = code === 'OK' ? madeBy(call, reply) : undefined;
        if (made !== undefined) nameOf.set(made, asked(call, 'name'));
      },
      callBegins(call) {
        if (call.method === DELETE) begun.add(nameOf.get(asked(call, 'volumeId')) ?? '');
        if (call.method !== CREATE || !begun.has(asked(call, 'name'))) return;
        report(`CreateVolume("${asked(call, 'name')}") after DeleteVolume of the same`);
      },
    };
  },
};

export const PROVISIONING: readonly Invariant[] = [known, intended, constant, once];
