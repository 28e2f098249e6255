// The volumes whose files the agent writes: configMap, secret, downwardAPI, and projected, which joins several of them.
// Every reference is read live; the version is of the content, so that what did not change is not written.
import type {
  ConfigMapProjection,
  DownwardAPIVolumeFile,
  Pod,
  SecretProjection,
  Volume,
  VolumeProjection,
} from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { configMaps, secrets } from '#api/resources.ts';
import { sha256Hex } from '#base/sha256.ts';
import type { ApiClient } from '#client/api-client.ts';
import type { Payload } from '#volumes/atomic-writer.ts';
import { payloadOfKeys } from '#volumes/key-payload.ts';
import { mergePayloads } from '#volumes/projected/projected.ts';
import { VolumeError } from '#volumes/volume-type.ts';
import { downwardText } from '../pods/downward.ts';
import { configMapKeys, secretKeys } from './object-keys.ts';
import type { ResolvedSource } from './resolved-volume.ts';

interface Reading {
  readonly api: ApiClient;
  readonly pod: Stored<Pod>;
  readonly volume: Volume;
}

export type FilesSource = Extract<ResolvedSource, { readonly payload: Payload }>;

/** Undefined for every other type. */
export async function resolveFiles(
  api: ApiClient,
  pod: Stored<Pod>,
  volume: Volume,
): Promise<FilesSource | undefined> {
  const { configMap, secret, downwardAPI, projected } = volume;
  const reading = { api, pod, volume };
  if (configMap !== undefined) {
    return { type: 'configmap', payload: await configMapFiles(reading, configMap, configMap.defaultMode) };
  }
  if (secret !== undefined) {
    const named = { ...secret, name: secret.secretName };
    return { type: 'secret', payload: await secretFiles(reading, named, secret.defaultMode) };
  }
  if (downwardAPI !== undefined) {
    const { items, defaultMode } = downwardAPI;
    return { type: 'downward-api', payload: downwardFiles(pod, items, defaultMode) };
  }
  if (projected === undefined) return undefined;
  const sources = projected.sources ?? [];
  const payloads = await Promise.all(
    sources.map((one) => projectedFiles(reading, one, projected.defaultMode)),
  );
  return { type: 'projected', payload: mergePayloads(payloads) };
}

async function configMapFiles(
  { api, pod }: Reading,
  { name = '', items, optional = false }: ConfigMapProjection,
  defaultMode: number | undefined,
): Promise<Payload> {
  const namespace = pod.metadata.namespace ?? '';
  const owner = `ConfigMap "${namespace}/${name}"`;
  const object = await api.find(configMaps, { namespace, name });
  if (object === undefined && !optional) throw new VolumeError('missing', `${owner} not found`);
  const keys = object === undefined ? new Map() : configMapKeys(object);
  return payloadOfKeys({ owner, keys, items, defaultMode, optional });
}

async function secretFiles(
  { api, pod }: Reading,
  { name = '', items, optional = false }: SecretProjection,
  defaultMode: number | undefined,
): Promise<Payload> {
  const namespace = pod.metadata.namespace ?? '';
  const owner = `Secret "${namespace}/${name}"`;
  const object = await api.find(secrets, { namespace, name });
  if (object === undefined && !optional) throw new VolumeError('missing', `${owner} not found`);
  const keys = object === undefined ? new Map() : secretKeys(object);
  return payloadOfKeys({ owner, keys, items, defaultMode, optional });
}

const DEFAULT_MODE = 0o644;

function downwardFiles(
  pod: Stored<Pod>,
  items: readonly DownwardAPIVolumeFile[] = [],
  defaultMode = DEFAULT_MODE,
): Payload {
  return new Map(
    items.map((item) => [
      item.path,
      { bytes: Buffer.from(downwardText(pod, item)), mode: item.mode ?? defaultMode },
    ]),
  );
}

async function projectedFiles(
  reading: Reading,
  source: VolumeProjection,
  defaultMode: number | undefined,
): Promise<Payload> {
  const { configMap, secret, downwardAPI } = source;
  if (configMap !== undefined) return configMapFiles(reading, configMap, defaultMode);
  if (secret !== undefined) return secretFiles(reading, secret, defaultMode);
  if (downwardAPI !== undefined) return downwardFiles(reading.pod, downwardAPI.items, defaultMode);
  const { name } = reading.volume;
  if (source.serviceAccountToken !== undefined) {
    throw new VolumeError(
      'unsupported',
      `Volume "${name}" projects a service account token, which this node does not ask for: ` +
        'the source must go from the pod (automountServiceAccountToken: false)',
    );
  }
  const kind = Object.keys(source)[0] ?? 'nothing';
  const served = 'configMap, secret or downwardAPI is needed';
  throw new VolumeError('unsupported', `Volume "${name}" projects "${kind}", which is not served: ${served}`);
}

/** Changes with every path, mode and byte. */
export function versionOf(payload: Payload): string {
  const files = [...payload].map(([path, { bytes, mode }]) => [
    path,
    mode,
    Buffer.from(bytes).toString('base64'),
  ]);
  return sha256Hex(JSON.stringify(files));
}
