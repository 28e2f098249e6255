// What pod workers are made from.
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { ProofDeps } from '../world/unmount-proof.ts';
import type { VolumeWorld } from '../world/volume-world.ts';
import type { Probes } from '../probes/probes.ts';
import type { PodRuntimeClient } from '../runtime/pod-runtime.ts';
import type { VolumeWait } from './volume-events.ts';
import type { ContainerStartDeps } from './container-start.ts';

export interface PodWorkersDeps extends ContainerStartDeps, ProofDeps {
  readonly runtime: PodRuntimeClient;
  readonly host: ContainerStartDeps['host'];
  readonly probes: Pick<Probes, 'follow' | 'health'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly volumes: Pick<VolumeWorld, 'podVolumes' | 'isClear' | 'lookAgainAt'>;
  /** The scheme of container ids. */
  readonly runtimeName: string;
  /** The pod of this UID in the informer's cache, when it is bound to this node. */
  readonly cached: (uid: string) => Stored<Pod> | undefined;
  readonly tellVolumes: (pod: Stored<Pod>, state: VolumeWait) => void;
}
