// I-27 to I-30: finalizers, conditional writes, sizes, and that everything comes to an end.
import type { ObjectMeta } from '#api/generated/meta-v1.ts';
import type { PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import { quantityToBytes } from '#api/quantity.ts';
import { isTerminal } from '#rules/pod-state.ts';
import { claimKeysOfPod } from '#rules/pod-volumes.ts';
import { PVC_PROTECTION_FINALIZER } from '#rules/well-known.ts';
import { type Invariant, placeOf, type WriteRequest } from './world.ts';

interface Shaped {
  readonly metadata: ObjectMeta;
}

const finalizersOf = (object: unknown): readonly string[] =>
  // Everything in the store has metadata.
  (object as Shaped | undefined)?.metadata.finalizers ?? [];

const finalizers: Invariant = {
  id: 'I-27',
  says: 'finalizers of an object being deleted only shrink, one owner at a time; a claim in use keeps its own',
  watch: (report) => {
    const claimsMarkedAt = new Map<string, number>();
    const podsMadeAt = new Map<string, number>();
    return {
      change({ key, kind, object, previous, revision }, { objects, isByUser }) {
        const { plural, name } = placeOf(key);
        if (plural === 'pods' && previous === undefined) podsMadeAt.set(name, revision);
        if (previous === undefined) return;
        const before = finalizersOf(previous);
        const after = kind === 'delete' ? [] : finalizersOf(object);
        const wasLeaving = (previous as unknown as Shaped).metadata.deletionTimestamp !== undefined;
        if (plural === 'persistentvolumeclaims' && !wasLeaving) claimsMarkedAt.set(name, revision);
        if (isByUser) return;
        const added = after.filter((one) => !before.includes(one));
        if (wasLeaving && added.length > 0)
          report(`${plural} ${name} got ${added.join(', ')} while being deleted`);
        const removed = before.filter((one) => !after.includes(one));
        if (removed.length > 1) report(`${plural} ${name} lost ${removed.join(', ')} at once`);
        if (plural !== 'persistentvolumeclaims' || !removed.includes(PVC_PROTECTION_FINALIZER)) return;
        // A pod made after the deletion began is refused by its node, which looks at the claim itself.
        const markedAt = claimsMarkedAt.get(name) ?? 0;
        const user = [...objects.pods].find(
          ([podKey, pod]) =>
            !isTerminal(pod) &&
            claimKeysOfPod(pod).includes(name) &&
            (podsMadeAt.get(podKey) ?? 0) < markedAt,
        );
        if (user !== undefined) report(`claim ${name} lost its protection while pod "${user[0]}" uses it`);
      },
    };
  },
};

const UNCONDITIONAL = ['/events', '/leases'];

const conditional: Invariant = {
  id: 'I-28',
  says: 'every write carries the version it was decided on, or a UID for a delete',
  watch: (report) => ({
    end({ world }) {
      for (const write of world.writes) {
        const isFree = UNCONDITIONAL.some((part) => write.path.includes(part));
        if (!isFree && !isConditional(write))
          report(`${write.by}: ${write.method} ${write.path} is unconditional`);
      }
    },
  }),
};

function isConditional({ method, path, body }: WriteRequest): boolean {
  const metadata = (body['metadata'] ?? {}) as Readonly<Record<string, unknown>>;
  const conditions = (body['preconditions'] ?? {}) as Readonly<Record<string, unknown>>;
  switch (method) {
    case 'PUT':
      return typeof metadata['resourceVersion'] === 'string' || path.endsWith('/finalize');
    case 'PATCH':
      return typeof metadata['resourceVersion'] === 'string';
    case 'DELETE':
      return typeof conditions['uid'] === 'string' || typeof conditions['resourceVersion'] === 'string';
    default:
      return true; // a POST creates, which fails when the object is there
  }
}

const sizes: Invariant = {
  id: 'I-29',
  says: 'a claim never shows or asks for less or more than there is',
  watch: (report) => {
    const sizeOf = new Map<string, bigint>();
    return {
      callTakesEffect(call, { code, reply }) {
        if (code !== 'OK') return;
        const made = (
          reply as { readonly volume?: { readonly volumeId?: string; readonly capacityBytes?: string } }
        ).volume;
        if (call.method === 'createVolume' && made?.volumeId !== undefined) {
          sizeOf.set(made.volumeId, BigInt(made.capacityBytes ?? '0'));
        }
        const { capacityBytes } = reply as { readonly capacityBytes?: string };
        if (call.method !== 'controllerExpandVolume' || capacityBytes === undefined) return;
        sizeOf.set(String(call.request['volumeId']), BigInt(capacityBytes));
      },
      change({ key, kind, previous }, { objects }) {
        const { plural, name } = placeOf(key);
        const claim =
          plural === 'persistentvolumeclaims' && kind === 'put' ? objects.claims.get(name) : undefined;
        if (claim === undefined) return;
        const shown = bytes(claim.status?.capacity?.['storage']);
        const csi = objects.volumes.get(claim.spec?.volumeName ?? '')?.spec?.csi;
        const real = csi === undefined ? undefined : sizeOf.get(csi.volumeHandle);
        if (real !== undefined && shown > real)
          report(`claim ${name} shows ${shown} bytes, the volume has ${real}`);
        const before = previous as unknown as PersistentVolumeClaim | undefined;
        const asked = bytes(claim.spec?.resources?.requests?.['storage']);
        const isLess = asked < bytes(before?.spec?.resources?.requests?.['storage']);
        if (isLess && asked < bytes(before?.status?.capacity?.['storage'])) {
          report(`claim ${name} asks for ${asked} bytes, less than it has`);
        }
      },
    };
  },
};

const bytes = (text: string | undefined): bigint => quantityToBytes(text ?? '0');

const liveness: Invariant = {
  id: 'I-30',
  says: 'in a quiet world nothing waits for ever without a word',
  watch: (report) => {
    const told = new Set<string>();
    return {
      change({ key, object }) {
        if (placeOf(key).plural !== 'events') return;
        const { involvedObject, regarding } = object;
        const about = (involvedObject ?? regarding ?? {}) as { readonly uid?: string };
        told.add(about.uid ?? '');
      },
      end({ world, objects }) {
        if (!world.isQuiet) return;
        for (const { metadata, status } of objects.claims.values()) {
          const isStuck = status?.phase !== 'Bound' && !told.has(metadata.uid);
          if (isStuck) report(`claim "${metadata.name}" is ${status?.phase ?? 'new'}, and nothing says why`);
        }
        for (const { metadata, spec } of objects.volumes.values()) {
          const inUse = [...objects.attachments.values()].some(
            (a) => a.spec.source.persistentVolumeName === metadata.name,
          );
          const claim = objects.claimByUid(spec?.claimRef?.uid);
          if (
            metadata.deletionTimestamp === undefined ||
            inUse ||
            claim !== undefined ||
            told.has(metadata.uid)
          )
            continue;
          report(
            `volume "${metadata.name}" is being deleted, needed by nobody: ${(metadata.finalizers ?? []).join(', ')}`,
          );
        }
      },
    };
  },
};

export const OBJECTS: readonly Invariant[] = [finalizers, conditional, sizes, liveness];
