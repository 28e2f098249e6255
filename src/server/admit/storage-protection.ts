// Claims, volumes and attribute classes are born with their protection finalizer, so there is no moment in which one that is in use could
// be deleted unnoticed.
import type { JsonObject } from '#api/json.ts';
import type { Target } from '../registry/target.ts';
import { finalizersOf, withMetadata } from '../registry/stored-form.ts';

const PROTECTION: ReadonlyMap<string, string> = new Map([
  ['persistentvolumeclaims', 'kubernetes.io/pvc-protection'],
  ['persistentvolumes', 'kubernetes.io/pv-protection'],
  ['storage.k8s.io/volumeattributesclasses', 'kubernetes.io/vac-protection'],
]);

export function addProtection({ definition }: Target, object: JsonObject): JsonObject {
  const { group, plural } = definition.resource;
  const finalizer = PROTECTION.get(group === '' ? plural : `${group}/${plural}`);
  const finalizers = finalizersOf(object);
  if (finalizer === undefined || finalizers.includes(finalizer)) return object;
  return withMetadata(object, { finalizers: [...finalizers, finalizer] });
}
