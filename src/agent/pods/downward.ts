// What the downward API says of a pod, as the text of a file. Pure.
import type { DownwardAPIVolumeFile, Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { VolumeError } from '#volumes/volume-type.ts';
import { ContainerConfigError, fieldValue, resourceValue } from './environment.ts';

/** The text of one file; a reference that cannot be followed is named. */
export function downwardText(pod: Stored<Pod>, item: DownwardAPIVolumeFile): string {
  const { fieldRef, resourceFieldRef } = item;
  try {
    if (fieldRef !== undefined) return fieldText(pod, fieldRef.fieldPath);
    if (resourceFieldRef !== undefined) return resourceText(pod, resourceFieldRef);
  } catch (error) {
    if (error instanceof ContainerConfigError) throw new VolumeError('invalid', error.message);
    throw error;
  }
  throw new VolumeError(
    'invalid',
    `File "${item.path}" has no source: fieldRef or resourceFieldRef is needed`,
  );
}

/** Whole maps are lines of `key="value"`, sorted; single fields as in the environment. */
function fieldText(pod: Stored<Pod>, path: string): string {
  if (path === 'metadata.labels') return lines(pod.metadata.labels);
  if (path === 'metadata.annotations') return lines(pod.metadata.annotations);
  return fieldValue({ pod, podIp: '', hostIp: '' }, path);
}

function lines(map: Readonly<Record<string, string>> = {}): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');
}

function resourceText(
  pod: Stored<Pod>,
  reference: NonNullable<DownwardAPIVolumeFile['resourceFieldRef']>,
): string {
  const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const container = all.find(({ name }) => name === reference.containerName);
  if (container === undefined) {
    throw new VolumeError('invalid', `container "${reference.containerName ?? ''}" not found in the pod`);
  }
  return resourceValue({ container }, reference);
}
