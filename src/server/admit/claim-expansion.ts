// A claim may ask for more only when it is bound and its class allows expansion. That a claim may not ask for less is
// validation, not admission.
import { isJsonObject, type JsonObject, type JsonValue } from '#api/json.ts';
import { compareQuantities, parseQuantity } from '#api/quantity.ts';
import { forbidden } from '#api/status.ts';
import type { Target } from '../registry/target.ts';
import { type AdmissionView, isCore } from './admission-rule.ts';

export function refuseClaimExpansion(
  target: Target,
  object: JsonObject,
  old: JsonObject,
  view: AdmissionView,
): void {
  if (!isCore(target.definition, 'persistentvolumeclaims')) return;
  const before = requestOf(old);
  const after = requestOf(object);
  if (before === undefined || after === undefined || compareQuantities(after, before) <= 0) return;
  const { resource } = target.definition;
  if (member(old.status, 'phase') !== 'Bound') {
    throw forbidden(resource, target.name, 'Only bound persistent volume claims can be expanded');
  }
  const className = member(object.spec, 'storageClassName');
  const found =
    typeof className === 'string' && className !== ''
      ? view.get('storageclasses', undefined, className)
      : undefined;
  if (found?.object.allowVolumeExpansion !== true) {
    const why =
      'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';
    throw forbidden(resource, target.name, why);
  }
}

function requestOf(claim: JsonObject): string | undefined {
  const value = member(member(member(claim.spec, 'resources'), 'requests'), 'storage');
  return typeof value === 'string' && parseQuantity(value) !== undefined ? value : undefined;
}

function member(value: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(value) ? value[name] : undefined;
}
