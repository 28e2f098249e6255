// I-8 to I-11: when a backend volume may be deleted, and when the object that knows it may go.
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { uniqueVolumeName } from '#rules/attachment-name.ts';
import { OUT_OF_SERVICE_TAINT, PROVISIONED_BY } from '#rules/well-known.ts';
import { asked, type Invariant, type Objects, placeOf } from './world.ts';

type Volume = Stored<PersistentVolume>;

const DELETE = 'deleteVolume';

const proven: Invariant = {
  id: 'I-8',
  says: 'DeleteVolume is sent only for a released volume that no claim, attachment or node needs',
  watch: (report) => {
    const begun = new Set<string>();
    return {
      callBegins(call, { world, objects }) {
        const handle = asked(call, 'volumeId');
        if (call.method === 'controllerPublishVolume' && begun.has(handle))
          report(`ControllerPublish("${handle}") after its deletion began`);
        if (call.method !== DELETE) return;
        begun.add(handle);
        const volume = objects.volumesOfHandle(world.driver, handle)[0];
        const because = volume === undefined ? withoutObject(objects, handle) : needed(objects, volume);
        if (because !== undefined) report(`DeleteVolume("${handle}") while ${because}`);
      },
    };
  },
};

function withoutObject(objects: Objects, handle: string): string | undefined {
  const given = [...objects.intents.values()].some(
    ({ data }) => data?.['phase'] === 'deleting' && data['handle'] === handle,
  );
  return given ? undefined : 'no volume has that handle, nor does an intent that gave it up';
}

function needed(objects: Objects, volume: Volume): string | undefined {
  const { name } = volume.metadata;
  const phase = volume.status?.phase ?? '';
  if (phase !== 'Released' && phase !== 'Failed') return `"${name}" is ${phase}`;
  const claim = objects.claimByUid(volume.spec?.claimRef?.uid);
  if (claim !== undefined && (claim.spec?.volumeName ?? name) === name)
    return `claim "${claim.metadata.name}" exists`;
  for (const { spec, metadata, status } of objects.attachments.values()) {
    // Without its finalizer nothing was called for it, and nothing will be: it is stored after a live read (ATC15).
    const isSafe = status?.attached !== true && (metadata.finalizers ?? []).length === 0;
    if (isSafe) continue;
    if (spec.source.persistentVolumeName === name) return `attachment "${metadata.name}" exists`;
  }
  const { csi } = volume.spec ?? {};
  const unique = csi === undefined ? '' : uniqueVolumeName(csi);
  for (const { spec, status, metadata } of objects.nodes.values()) {
    const isFenced = (spec?.taints ?? []).some(({ key }) => key === OUT_OF_SERVICE_TAINT);
    if (!isFenced && (status?.volumesInUse ?? []).includes(unique)) return `node "${metadata.name}" uses it`;
  }
  return undefined;
}

const retained: Invariant = {
  id: 'I-9',
  says: 'a volume whose policy is not Delete is never deleted',
  watch: (report) => ({
    callBegins(call, { world, objects }) {
      if (call.method !== DELETE) return;
      for (const { spec, metadata } of objects.volumesOfHandle(world.driver, asked(call, 'volumeId'))) {
        const policy = spec?.persistentVolumeReclaimPolicy;
        if (policy !== 'Delete') report(`"${metadata.name}" was deleted, its policy is ${policy ?? 'empty'}`);
      }
    },
  }),
};

const lastToGo: Invariant = {
  id: 'I-10',
  says: 'a volume object with policy Delete goes only after DeleteVolume has said OK',
  watch: (report) => {
    const deleted = new Set<string>();
    return {
      callEnds(call, code) {
        if (call.method === DELETE && code === 'OK') deleted.add(asked(call, 'volumeId'));
      },
      change({ key, kind, object }, { world, isByUser }) {
        if (placeOf(key).plural !== 'persistentvolumes' || kind !== 'delete') return;
        // Stored under this key, so it is a volume.
        const volume = object as unknown as Volume;
        const isOurs = volume.metadata.annotations?.[PROVISIONED_BY] === world.driver;
        const handle = volume.spec?.csi?.volumeHandle ?? '';
        if (isByUser || !isOurs || volume.spec?.persistentVolumeReclaimPolicy !== 'Delete') return;
        if (!deleted.has(handle)) report(`"${volume.metadata.name}" is gone, "${handle}" was never deleted`);
      },
    };
  },
};

const shared: Invariant = {
  id: 'I-11',
  says: 'a backend volume that two objects name is not deleted',
  watch: (report) => ({
    callBegins(call, { world, objects }) {
      if (call.method !== DELETE) return;
      const all = objects.volumesOfHandle(world.driver, asked(call, 'volumeId'));
      if (all.length > 1)
        report(`DeleteVolume while ${all.map(({ metadata }) => metadata.name).join(' and ')} name it`);
    },
  }),
};

export const RECLAIM: readonly Invariant[] = [proven, retained, lastToGo, shared];
