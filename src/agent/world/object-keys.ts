// The keys of a ConfigMap or Secret as bytes. Pure.
import type { ConfigMap, Secret } from '#api/generated/core-v1.ts';

/** Keys of `data` and `binaryData` as bytes. */
export function configMapKeys({ data = {}, binaryData = {} }: ConfigMap): Map<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(data)) keys.set(key, Buffer.from(text));
  for (const [key, base64] of Object.entries(binaryData)) keys.set(key, Buffer.from(base64, 'base64'));
  return keys;
}

export function secretKeys({ data = {} }: Secret): Map<string, Uint8Array> {
  return new Map(Object.entries(data).map(([key, base64]) => [key, Buffer.from(base64, 'base64')]));
}
