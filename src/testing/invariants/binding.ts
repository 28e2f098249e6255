// I-1 to I-7: claims and volumes as pairs.
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { quantityToBytes } from '#api/quantity.ts';
import { matchesLabels, selectorFromObject } from '#api/selector.ts';
import { BIND_COMPLETED, BOUND_BY_CONTROLLER } from '#rules/well-known.ts';
import { type Invariant, type Moment, type Objects, placeOf } from './world.ts';

type Claim = Stored<PersistentVolumeClaim>;
type Volume = Stored<PersistentVolume>;

const isBound = (object: Claim | Volume | undefined): boolean => object?.status?.phase === 'Bound';
const volumeNameOf = (claim: Claim | undefined): string => claim?.spec?.volumeName ?? '';
const uidOf = (volume: Volume | undefined): string => volume?.spec?.claimRef?.uid ?? '';
const nameOf = ({ metadata }: Claim): string => `${metadata.namespace ?? ''}/${metadata.name}`;

/** The claims that a change of one claim or volume concerns. */
function concerned(key: string, objects: Objects): readonly Claim[] {
  const { plural, name } = placeOf(key);
  if (plural === 'persistentvolumeclaims') {
    const claim = objects.claims.get(name);
    return claim === undefined ? [] : [claim];
  }
  if (plural !== 'persistentvolumes') return [];
  return [...objects.claims.values()].filter((claim) => volumeNameOf(claim) === name);
}

/** Runs `check` on the Bound claims that a change concerns, except on pairs that a user has broken. */
function onBoundPairs(check: (claim: Claim, now: Moment) => string | undefined): Invariant['watch'] {
  return (report) => {
    const broken = new Set<string>();
    return {
      change({ key }, now) {
        for (const claim of concerned(key, now.objects)) {
          const { uid } = claim.metadata;
          const problem = isBound(claim) ? check(claim, now) : undefined;
          if (problem === undefined) broken.delete(uid);
          else if (now.isByUser) broken.add(uid);
          else if (!broken.has(uid)) report(problem);
        }
      },
    };
  };
}

const pairs: Invariant = {
  id: 'I-1',
  says: 'the volume of a Bound claim exists and points back with namespace, name and UID',
  watch: onBoundPairs((claim, { objects }) => {
    const name = volumeNameOf(claim);
    if (name === '') return undefined;
    const ref = objects.volumes.get(name)?.spec?.claimRef;
    if (ref?.uid === claim.metadata.uid && `${ref.namespace ?? ''}/${ref.name ?? ''}` === nameOf(claim))
      return undefined;
    return `claim ${nameOf(claim)} is Bound to "${name}", which points at ${ref?.name ?? 'nothing'} ${ref?.uid ?? ''}`;
  }),
};

const exclusive: Invariant = {
  id: 'I-2',
  says: 'no two claims are Bound to one volume, and no two volumes are Bound to one claim',
  watch: (report) => ({
    change({ key }, { objects }) {
      const { plural, name } = placeOf(key);
      if (plural === 'persistentvolumeclaims') {
        const volume = volumeNameOf(objects.claims.get(name));
        const bound = [...objects.claims.values()].filter((c) => isBound(c) && volumeNameOf(c) === volume);
        if (volume !== '' && bound.length > 1) report(`"${volume}" has ${bound.map(nameOf).join(' and ')}`);
      } else if (plural === 'persistentvolumes') {
        const uid = uidOf(objects.volumes.get(name));
        const bound = [...objects.volumes.values()].filter((v) => isBound(v) && uidOf(v) === uid);
        if (uid !== '' && bound.length > 1) {
          report(`claim ${uid} has ${bound.map(({ metadata }) => metadata.name).join(' and ')}`);
        }
      }
    },
  }),
};

const keptUid: Invariant = {
  id: 'I-3',
  says: 'the UID in a claimRef is never replaced, and cleared only by users and for pairs that lost their race',
  watch: (report) => ({
    change({ key, kind, previous }, { objects, isByUser }) {
      const { plural, name } = placeOf(key);
      if (plural !== 'persistentvolumes' || kind === 'delete' || previous === undefined || isByUser) return;
      // Stored under this key, so it is a volume.
      const before = uidOf(previous as unknown as Volume);
      const after = uidOf(objects.volumes.get(name));
      if (before === '' || before === after) return;
      if (after !== '') {
        report(`the claimRef of "${name}" went from ${before} to ${after} in one step`);
        return;
      }
      const named = volumeNameOf(objects.claimByUid(before));
      if (named === '' || named === name)
        report(`the claimRef of "${name}" lost ${before}, which had not lost a race`);
    },
  }),
};

const keptName: Invariant = {
  id: 'I-4',
  says: 'the volumeName of a claim never changes, and a Lost claim returns only to its own volume',
  watch: (report) => ({
    change({ key, kind, previous }, { objects }) {
      const { plural, name } = placeOf(key);
      if (plural !== 'persistentvolumeclaims' || kind === 'delete' || previous === undefined) return;
      const before = previous as unknown as Claim;
      const claim = objects.claims.get(name);
      if (claim === undefined || before.metadata.uid !== claim.metadata.uid) return;
      const [from, to] = [volumeNameOf(before), volumeNameOf(claim)];
      if (from !== '' && from !== to) report(`claim ${name} went from volume "${from}" to "${to}"`);
      const returns = before.status?.phase === 'Lost' && isBound(claim);
      if (returns && uidOf(objects.volumes.get(to)) !== claim.metadata.uid) {
        report(`the Lost claim ${name} is Bound again to "${to}", which is not its own`);
      }
    },
  }),
};

const fits: Invariant = {
  id: 'I-5',
  says: 'a pair fits: class, capacity, access modes, volume mode, selector, attributes class',
  watch: (report) => ({
    change({ key, kind, previous }, { objects }) {
      const { plural, name } = placeOf(key);
      if (plural !== 'persistentvolumeclaims' || kind === 'delete') return;
      const claim = objects.claims.get(name);
      const volume = objects.volumes.get(volumeNameOf(claim));
      if (claim === undefined || volume === undefined || !isBound(claim)) return;
      if (isBound(previous as unknown as Claim | undefined)) return;
      const problem = misfit(claim, volume);
      if (problem !== undefined) report(`claim ${name} and volume "${volume.metadata.name}": ${problem}`);
    },
  }),
};

function misfit(claim: Claim, volume: Volume): string | undefined {
  const bytes = (text: string | undefined): bigint => quantityToBytes(text ?? '0');
  if ((claim.spec?.volumeMode ?? 'Filesystem') !== (volume.spec?.volumeMode ?? 'Filesystem'))
    return 'volume mode';
  // A volume that the user reserved for the claim need not fit in the rest.
  if (volume.metadata.annotations?.[BOUND_BY_CONTROLLER] === undefined) return undefined;
  if (bytes(volume.spec?.capacity?.['storage']) < bytes(claim.spec?.resources?.requests?.['storage']))
    return 'capacity';
  const offered = volume.spec?.accessModes ?? [];
  if (!(claim.spec?.accessModes ?? []).every((mode) => offered.includes(mode))) return 'access modes';
  if ((claim.spec?.storageClassName ?? '') !== (volume.spec?.storageClassName ?? '')) return 'class';
  const wanted = claim.spec?.volumeAttributesClassName ?? '';
  if (wanted !== (volume.spec?.volumeAttributesClassName ?? '')) return 'attributes class';
  const chosenByUser = claim.metadata.annotations?.[BOUND_BY_CONTROLLER] === undefined;
  const { selector } = claim.spec ?? {};
  if (selector === undefined || chosenByUser) return undefined;
  return matchesLabels(selectorFromObject(selector), volume.metadata.labels ?? {}) ? undefined : 'selector';
}

const released: Invariant = {
  id: 'I-6',
  says: 'a Released volume is Bound to another claim only after a user cleared its claimRef',
  watch: (report) => {
    const owners = new Map<string, string>();
    return {
      change({ key, kind }, { objects }) {
        const { plural, name } = placeOf(key);
        if (plural !== 'persistentvolumes') return;
        const volume = objects.volumes.get(name);
        if (kind === 'delete' || volume === undefined || uidOf(volume) === '') owners.delete(name);
        else if (volume.status?.phase === 'Released' && !owners.has(name)) owners.set(name, uidOf(volume));
        else if (isBound(volume) && (owners.get(name) ?? uidOf(volume)) !== uidOf(volume)) {
          report(`"${name}" was Released by ${owners.get(name)} and is Bound to ${uidOf(volume)}`);
        }
      },
    };
  },
};

const whole: Invariant = {
  id: 'I-7',
  says: 'in a quiet world no pair is half made',
  watch: (report) => ({
    end({ world, objects }) {
      if (!world.isQuiet) return;
      for (const volume of objects.volumes.values()) {
        const claim = objects.claimByUid(uidOf(volume) === '' ? undefined : uidOf(volume));
        const isLeaving = volume.metadata.deletionTimestamp ?? claim?.metadata.deletionTimestamp;
        if (claim === undefined || isLeaving !== undefined) continue;
        const sameMode =
          (claim.spec?.volumeMode ?? 'Filesystem') === (volume.spec?.volumeMode ?? 'Filesystem');
        if (sameMode && volumeNameOf(claim) === '') {
          report(`"${volume.metadata.name}" points at ${nameOf(claim)}, which points nowhere`);
        }
      }
      for (const claim of objects.claims.values()) {
        const isDone = claim.metadata.annotations?.[BIND_COMPLETED] !== undefined;
        if (!isDone || claim.status?.phase === 'Lost') continue;
        const volume = objects.volumes.get(volumeNameOf(claim));
        if (uidOf(volume) !== claim.metadata.uid)
          report(`${nameOf(claim)} is done, its volume does not point back`);
      }
    },
  }),
};

export const BINDING: readonly Invariant[] = [pairs, exclusive, keptUid, keptName, fits, released, whole];
