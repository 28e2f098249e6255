// A pod's volume with every reference followed: what the executor needs, and nothing it would have to ask the API for.
import type { PersistentVolumeSpec } from '#api/generated/core-v1.ts';
import { uniqueVolumeName } from '#rules/attachment-name.ts';
import type { ConfigMapSource } from '#volumes/config-map/config-map.ts';
import type { EmptyDirSource } from '#volumes/empty-dir/empty-dir.ts';
import type { HostPathSource } from '#volumes/host-path/host-path.ts';
import type { SecretSource } from '#volumes/secret/secret.ts';

type StringMap = Readonly<Record<string, string>>;

export interface CsiSource {
  readonly driver: string;
  readonly handle: string;
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
  /** The claim's volume is larger than what this node's file system was grown to. */
  readonly expandTo:
    | {
        readonly namespace: string;
        readonly claim: string;
        readonly bytes: bigint;
        readonly quantity: string;
      }
    | undefined;
}

export type ResolvedSource =
  | ({ readonly type: 'csi' } & CsiSource)
  | ({ readonly type: 'empty-dir' } & EmptyDirSource)
  | ({ readonly type: 'host-path' } & HostPathSource)
  | ({ readonly type: 'configmap' } & ConfigMapSource)
  | ({ readonly type: 'secret' } & SecretSource);

/** `kubernetes.io/csi/<driver>^<handle>`. */
export function volumeKey(source: { readonly driver: string; readonly handle: string }): string {
  return uniqueVolumeName({ driver: source.driver, volumeHandle: source.handle });
}
