// What every volume type offers the agent. Local types (emptyDir, hostPath, configMap, secret) have one step,
// publish, and its reverse; CSI (volumes/csi) has stage and publish with a driver behind them. Every step is
// idempotent, since the agent repeats one whose outcome it does not know.
import type { UnmountProof } from './unmount-proof.ts';

/** The folder of a type below `pods/<uid>/volumes`, without its `kubernetes.io~` prefix. */
export type VolumeTypeName =
  | 'csi'
  | 'empty-dir'
  | 'host-path'
  | 'configmap'
  | 'secret'
  | 'projected'
  | 'downward-api';

export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serviceAccountName: string;
}

/** The pod's fsGroup as it applies to a volume. */
export interface GroupOwnership {
  readonly gid: number;
  readonly changePolicy: 'Always' | 'OnRootMismatch';
}

export interface PublishRequest<Source> {
  readonly pod: PodIdentity;
  /** Absolute path of the volume in the pod's directory. */
  readonly target: string;
  readonly source: Source;
  readonly group: GroupOwnership | undefined;
}

export interface PublishedVolume {
  /** What the runtime binds into containers: the target, except for hostPath. */
  readonly hostPath: string;
  /** True when a mount must stand at the target (checked against the mount table by the agent). */
  readonly isMount: boolean;
}

/** A volume type that needs nothing but the node. */
export interface LocalVolumeType<Source> {
  readonly name: VolumeTypeName;
  publish(request: PublishRequest<Source>): Promise<PublishedVolume>;
  /** Succeeds when nothing is there. Undoes only what publish made at the target that `proof` is about. */
  unpublish(target: string, proof: UnmountProof): Promise<void>;
}

/** A volume that cannot be set up as its object describes it. `final`: nothing was done. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';
  readonly code: 'invalid' | 'missing' | 'unsupported' | 'mismatch';
  constructor(code: VolumeError['code'], message: string) {
    super(message);
    this.code = code;
  }
}
