// The volumes that the pods of this node want. A pod is entered as soon as it is known (its volumes are then kept),
// its mounts when they are resolved, and it leaves only after its containers have stopped.
import type { GroupOwnership, PodIdentity, VolumeTypeName } from '#volumes/volume-type.ts';
import type { ResolvedSource } from './resolved-volume.ts';
import type { MountKey } from './view.ts';

export interface DesiredMount {
  readonly key: MountKey;
  readonly pod: PodIdentity;
  /** The name in the pod's spec. */
  readonly volumeName: string;
  readonly type: VolumeTypeName;
  readonly target: string;
  readonly source: ResolvedSource;
  readonly group: GroupOwnership | undefined;
  /** Changes when the content must be written again (a config map's resourceVersion). */
  readonly version: string;
}

export class DesiredWorld {
  readonly #pods = new Map<string, readonly DesiredMount[]>();
  #isComplete = false;

  /** Keeps whatever this pod has mounted. */
  enter(podUid: string): void {
    if (!this.#pods.has(podUid)) this.#pods.set(podUid, []);
  }
  /** The pod wants exactly these. */
  want(podUid: string, mounts: readonly DesiredMount[]): void {
    this.#pods.set(podUid, mounts);
  }
  /** The pod's containers have stopped for good: its volumes are taken down. */
  release(podUid: string): void {
    this.#pods.delete(podUid);
  }
  has(podUid: string): boolean {
    return this.#pods.has(podUid);
  }
  mountsOf(podUid: string): readonly DesiredMount[] {
    return this.#pods.get(podUid) ?? [];
  }
  mounts(): readonly DesiredMount[] {
    return [...this.#pods.values()].flat();
  }
  /** Every pod bound to this node has been entered once: from now on what is not here is not wanted. */
  complete(): void {
    this.#isComplete = true;
  }
  get isComplete(): boolean {
    return this.#isComplete;
  }
}
