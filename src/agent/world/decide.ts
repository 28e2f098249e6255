// Desired against actual: which volume operations may run now. Pure. Rules AGT1 to AGT12 of SPEC.md.
//
//   up:   in use stored -> attached seen -> stage -> publish        down:  unpublish (all) -> unstage -> not in use
//
// Each volume gets at most one step a pass, each local mount too; take-down comes before set-up, because a volume may
// move from a deleted pod to a new one.
import type { MountKey, MountView, VolumeKey, VolumeView, WorldView } from './view.ts';

export type WaitReason =
  | 'world-incomplete'
  | 'driver-missing'
  | 'in-use-not-stored'
  | 'not-attached'
  | 'stage-of-older-attachment';

export type VolumeStep =
  | { readonly kind: 'unpublish'; readonly mount: MountKey }
  | { readonly kind: 'unstage'; readonly volume: VolumeKey }
  | { readonly kind: 'stage'; readonly volume: VolumeKey }
  | { readonly kind: 'publish'; readonly mount: MountKey }
  | { readonly kind: 'grow'; readonly volume: VolumeKey }
  /** The pods that wait for it here must go elsewhere. */
  | { readonly kind: 'give-up'; readonly volume: VolumeKey }
  | { readonly kind: 'wait'; readonly volume: VolumeKey; readonly because: WaitReason };

/** The steps that may run now, take-downs first. */
export function decideVolumes(view: WorldView): readonly VolumeStep[] {
  const steps: VolumeStep[] = [];
  for (const volume of view.volumes) {
    const mounts = view.mounts.filter((mount) => mount.volume === volume.key);
    const step = decideStagedVolume(volume, mounts, view.isComplete);
    if (step !== undefined) steps.push(step);
  }
  for (const mount of view.mounts) {
    if (mount.volume !== undefined) continue;
    const step = decideLocalMount(mount, view.isComplete);
    if (step !== undefined) steps.push(step);
  }
  const isDown = (step: VolumeStep): boolean => step.kind === 'unpublish' || step.kind === 'unstage';
  return [...steps.filter(isDown), ...steps.filter((step) => !isDown(step))];
}

function decideLocalMount(mount: MountView, isComplete: boolean): VolumeStep | undefined {
  if (mount.desired === 'released') {
    if (mount.presence === 'absent' || !isComplete) return undefined; // AGT3
    return { kind: 'unpublish', mount: mount.key }; // AGT1
  }
  return needsPublish(mount) ? { kind: 'publish', mount: mount.key } : undefined; // AGT9
}

function needsPublish(mount: MountView): boolean {
  return mount.desired === 'wanted' && (mount.presence !== 'present' || mount.isStale);
}

function decideStagedVolume(
  volume: VolumeView,
  mounts: readonly MountView[],
  isComplete: boolean,
): VolumeStep | undefined {
  const wait = (because: WaitReason): VolumeStep => ({ kind: 'wait', volume: volume.key, because });
  const released = mounts.find((mount) => mount.desired === 'released' && mount.presence !== 'absent');
  if (released !== undefined) {
    if (!isComplete) return wait('world-incomplete'); // AGT3
    if (!volume.hasDriver) return wait('driver-missing'); // AGT10
    return { kind: 'unpublish', mount: released.key }; // AGT1
  }
  const isPublished = mounts.some((mount) => mount.presence !== 'absent');
  if (!volume.isWanted) {
    if (volume.staged === 'absent' || isPublished) return undefined; // AGT2, AGT4
    if (!isComplete) return wait('world-incomplete'); // AGT3
    return volume.hasDriver ? { kind: 'unstage', volume: volume.key } : wait('driver-missing'); // AGT2
  }
  return decideSetUp(volume, mounts, isPublished);
}

function decideSetUp(
  volume: VolumeView,
  mounts: readonly MountView[],
  isPublished: boolean,
): VolumeStep | undefined {
  const wait = (because: WaitReason): VolumeStep => ({ kind: 'wait', volume: volume.key, because });
  const next = mounts.find(needsPublish);
  if (next === undefined) {
    // AGT60, else AGT12: settled
    return volume.isToGrow && volume.hasDriver ? { kind: 'grow', volume: volume.key } : undefined;
  }
  if (!volume.hasDriver) return wait('driver-missing'); // AGT10
  if (volume.needsAttach) {
    if (!volume.isReportedInUse) return wait('in-use-not-stored'); // AGT5
    if (volume.attachment?.nodeIsFull !== undefined) return { kind: 'give-up', volume: volume.key }; // AGT88
    if (!volume.isReportedAttached || volume.attachment?.isAttached !== true) return wait('not-attached'); // AGT6
    const isOlder = volume.staged !== 'absent' && volume.stagedUnder !== volume.attachment.uid;
    if (volume.needsStage && isOlder) {
      // OBSERVED: detached and attached again while we held the old stage (k/k#119273).
      return isPublished ? wait('stage-of-older-attachment') : { kind: 'unstage', volume: volume.key }; // AGT7
    }
  }
  if (volume.needsStage && volume.staged !== 'present') return { kind: 'stage', volume: volume.key }; // AGT8, AGT11
  return { kind: 'publish', mount: next.key }; // AGT9, AGT11
}
