// What every pod has even if its author did not say: a service account.
import { isJsonObject, type JsonObject } from '#api/json.ts';
import type { Target } from '../registry/target.ts';
import { isCore } from './admission-rule.ts';

export function addPodDefaults(target: Target, object: JsonObject): JsonObject {
  if (!isCore(target.definition, 'pods') || !isJsonObject(object.spec)) return object;
  const { spec } = object;
  const account = text(spec, 'serviceAccountName') ?? text(spec, 'serviceAccount') ?? 'default';
  return { ...object, spec: { ...spec, serviceAccountName: account, serviceAccount: account } };
}

function text(spec: JsonObject, name: string): string | undefined {
  const value = spec[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
