// Follows the references of a pod's volumes with live reads: claim to volume, driver, secrets, config maps. A volume
// that cannot be resolved yet keeps its pod waiting with a sentence that says for what; it is never guessed.
import type { Pod, Volume } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { quantityToBytes } from '#api/quantity.ts';
import type { ApiClient } from '#client/api-client.ts';
import type { HostPathKind } from '#volumes/host-path/host-path.ts';
import { VolumeError } from '#volumes/volume-type.ts';
import type { NodePaths } from '../paths.ts';
import type { DesiredMount } from './desired-world.ts';
import { resolveClaim } from './resolve-claim.ts';
import { resolveFiles, versionOf } from './resolve-files.ts';
import { resolveInline } from './resolve-inline.ts';
import type { ResolvedSource } from './resolved-volume.ts';

export interface ResolveDeps {
  readonly api: ApiClient;
  readonly paths: NodePaths;
}

export interface UnresolvedVolume {
  readonly volume: string;
  readonly because: string;
}

export interface Resolution {
  readonly mounts: readonly DesiredMount[];
  readonly unresolved: readonly UnresolvedVolume[];
}

/** Names of the volumes that some container uses: the others are not set up. */
export function usedVolumes(pod: Pod): ReadonlySet<string> {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return new Set(
    containers.flatMap((container) => [
      ...(container.volumeMounts ?? []).map(({ name }) => name),
      ...(container.volumeDevices ?? []).map(({ name }) => name),
    ]),
  );
}

/** Resolves every used volume; one that fails does not hide the others. API failures reject. */
export async function resolveVolumes(
  deps: ResolveDeps,
  pod: Stored<Pod>,
  isNew: boolean,
): Promise<Resolution> {
  const used = usedVolumes(pod);
  const volumes = (pod.spec?.volumes ?? []).filter(({ name }) => used.has(name));
  const outcomes = await Promise.all(volumes.map((volume) => resolveOne(deps, { pod, volume, isNew })));
  return {
    mounts: outcomes.flatMap((outcome) => ('key' in outcome ? [outcome] : [])),
    unresolved: outcomes.flatMap((outcome) => ('because' in outcome ? [outcome] : [])),
  };
}

interface OneVolume {
  readonly pod: Stored<Pod>;
  readonly volume: Volume;
  readonly isNew: boolean;
}

async function resolveOne(deps: ResolveDeps, one: OneVolume): Promise<DesiredMount | UnresolvedVolume> {
  try {
    return await resolveSource(deps, one);
  } catch (error) {
    if (error instanceof VolumeError) return { volume: one.volume.name, because: error.message };
    throw error;
  }
}

async function resolveSource(deps: ResolveDeps, one: OneVolume): Promise<DesiredMount> {
  const { volume, pod } = one;
  if (volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined) {
    const claimName = volume.persistentVolumeClaim?.claimName ?? `${pod.metadata.name}-${volume.name}`;
    const { source, version } = await resolveClaim(deps.api, {
      pod,
      claimName,
      isEphemeral: volume.ephemeral !== undefined,
      readOnly: volume.persistentVolumeClaim?.readOnly === true,
      isNew: one.isNew,
      isDevice: isUsedAsDevice(pod, volume.name),
    });
    return mount(deps, one, { source, version, directory: source.persistentVolume });
  }
  if (volume.csi !== undefined) {
    const source = await resolveInline(deps.api, { pod, volume: volume.name, csi: volume.csi });
    return mount(deps, one, { source, version: '', directory: volume.name });
  }
  const { source, version } = await resolveLocal(deps.api, pod, volume);
  return mount(deps, one, { source, version, directory: volume.name });
}

function isUsedAsDevice(pod: Pod, name: string): boolean {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const asDevice = containers.some((one) => one.volumeDevices?.some((device) => device.name === name));
  const asMount = containers.some((one) => one.volumeMounts?.some((mounted) => mounted.name === name));
  if (asDevice && asMount) {
    throw new VolumeError(
      'invalid',
      `Volume "${name}" is named in volumeMounts and in volumeDevices: one is needed`,
    );
  }
  return asDevice;
}

function mount(
  { paths }: ResolveDeps,
  { pod, volume }: OneVolume,
  resolved: { readonly source: ResolvedSource; readonly version: string; readonly directory: string },
): DesiredMount {
  const { uid, name, namespace = '' } = pod.metadata;
  const { source, version, directory } = resolved;
  const security = pod.spec?.securityContext;
  return {
    key: `${uid}/${source.type}/${directory}`,
    pod: { uid, name, namespace, serviceAccountName: pod.spec?.serviceAccountName ?? '' },
    volumeName: volume.name,
    type: source.type,
    target: targetOf(paths, uid, { source, directory }),
    source,
    group:
      security?.fsGroup === undefined
        ? undefined
        : { gid: security.fsGroup, changePolicy: security.fsGroupChangePolicy ?? 'Always' },
    version,
  };
}

function targetOf(
  paths: NodePaths,
  uid: string,
  { source, directory }: { readonly source: ResolvedSource; readonly directory: string },
): string {
  if (source.type !== 'csi') return paths.volume(uid, source.type, directory);
  return source.mode === 'Block' ? paths.csiBlockTarget(uid, directory) : paths.csiTarget(uid, directory);
}

async function resolveLocal(
  api: ApiClient,
  pod: Stored<Pod>,
  volume: Volume,
): Promise<{ readonly source: Exclude<ResolvedSource, { type: 'csi' }>; readonly version: string }> {
  const { emptyDir, hostPath } = volume;
  if (emptyDir !== undefined) {
    const limit = emptyDir.sizeLimit === undefined ? undefined : quantityToBytes(emptyDir.sizeLimit);
    const medium = emptyDir.medium === 'Memory' ? 'memory' : 'disk';
    const sizeLimitBytes = limit === 0n ? undefined : limit;
    return {
      source: { type: 'empty-dir', medium, sizeLimitBytes, sizeLimit: emptyDir.sizeLimit },
      version: '',
    };
  }
  if (hostPath !== undefined) {
    const kind: HostPathKind = hostPath.type ?? '';
    return { source: { type: 'host-path', path: hostPath.path, kind }, version: '' };
  }
  const files = await resolveFiles(api, pod, volume);
  if (files !== undefined) return { source: files, version: versionOf(files.payload) };
  const type = Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
  throw new VolumeError(
    'unsupported',
    `Volume "${volume.name}" has type "${type}", which this node does not serve: one of ${SERVED} is needed`,
  );
}

const SERVED =
  'persistentVolumeClaim, ephemeral, csi, emptyDir, hostPath, configMap, secret, projected and downwardAPI';
