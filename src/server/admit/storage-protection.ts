// Claims and volumes are born with their protection finalizer, so there is no moment in which one that is in use could
// be deleted unnoticed.
import type { JsonObject } from '#api/json.ts';
import type { Target } from '../registry/target.ts';
import { finalizersOf, withMetadata } from '../registry/stored-form.ts';

const PROTECTION: ReadonlyMap<string, string> = new Map([
  ['persistentvolumeclaims', 'kubernetes.io/pvc-protection'],
  ['persistentvolumes', 'kubernetes.io/pv-protection'],
]);

export function addProtection({ definition }: Target, object: JsonObject): JsonObject {
  const finalizer = definition.resource.group === '' ? PROTECTION.get(definition.resource.plural) : undefined;
  const finalizers = finalizersOf(object);
  if (finalizer === undefined || finalizers.includes(finalizer)) return object;
  return withMetadata(object, { finalizers: [...finalizers, finalizer] });
}
