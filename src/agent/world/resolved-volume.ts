// A pod's volume with every reference followed: what the executor needs, and nothing it would have to ask the API for.
import type { PersistentVolumeSpec } from '#api/generated/core-v1.ts';
import { uniqueVolumeName } from '#rules/attachment-name.ts';
import type { ConfigMapSource } from '#volumes/config-map/config-map.ts';
import type { EmptyDirSource } from '#volumes/empty-dir/empty-dir.ts';
import type { HostPathSource } from '#volumes/host-path/host-path.ts';
import type { ProjectedSource } from '#volumes/projected/projected.ts';
import type { SecretSource } from '#volumes/secret/secret.ts';
import type { VolumeTypeName } from '#volumes/volume-type.ts';

type StringMap = Readonly<Record<string, string>>;

export interface ClaimBehind {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** What the volume had when it was looked up; undefined: its size is not known. */
  readonly capacity: string | undefined;
  /** The controller side has left growing to the node. */
  readonly isToGrow: boolean;
}

export interface CsiSource {
  /** `Ephemeral`: inline in the pod, made by NodePublishVolume, neither attached nor staged. */
  readonly lifecycle: 'Persistent' | 'Ephemeral';
  readonly driver: string;
  readonly handle: string;
  /** Of an ephemeral volume: its name in the pod. */
  readonly persistentVolume: string;
  readonly mode: 'Filesystem' | 'Block';
  readonly fsType: string;
  readonly mountFlags: readonly string[];
  readonly accessModes: PersistentVolumeSpec['accessModes'];
  readonly readOnly: boolean;
  readonly volumeAttributes: StringMap;
  readonly needsAttach: boolean;
  readonly podInfoOnMount: boolean;
  readonly fsGroupPolicy: string | undefined;
  /** Never logged, never recorded. */
  readonly stageSecrets: StringMap;
  readonly publishSecrets: StringMap;
  readonly expandSecrets: StringMap;
  /** The claim behind it; absent for an inline volume. */
  readonly claim?: ClaimBehind;
}

export type ResolvedSource =
  | ({ readonly type: 'csi' } & CsiSource)
  | ({ readonly type: 'empty-dir' } & EmptyDirSource)
  | ({ readonly type: 'host-path' } & HostPathSource)
  | ({ readonly type: 'configmap' } & ConfigMapSource)
  | ({ readonly type: 'secret' } & SecretSource)
  | ({ readonly type: 'projected' } & ProjectedSource)
  | ({ readonly type: 'downward-api' } & ProjectedSource);

/** Types whose content the agent writes and writes again when what it comes from changes. */
const FOLLOWING: ReadonlySet<VolumeTypeName> = new Set(['configmap', 'secret', 'projected', 'downward-api']);

export function followsObject(type: VolumeTypeName): boolean {
  return FOLLOWING.has(type);
}

/** `kubernetes.io/csi/<driver>^<handle>`. */
export function volumeKey(source: { readonly driver: string; readonly handle: string }): string {
  return uniqueVolumeName({ driver: source.driver, volumeHandle: source.handle });
}
