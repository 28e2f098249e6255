// The next step of a hollow node, in the order that a kubelet keeps: unmount what is not wanted, report what is used,
// mount what is reported and attached, say what runs, let go of what has ended. Pure.
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import type { HollowMount } from './kernel.ts';
import type { HollowPod, HollowView, HollowWant } from './view.ts';

export type HollowStep =
  | { readonly kind: 'unmount'; readonly mounts: readonly HollowMount[] }
  | { readonly kind: 'report'; readonly volumesInUse: readonly string[] }
  | { readonly kind: 'mount'; readonly mounts: readonly HollowMount[] }
  | { readonly kind: 'run'; readonly pod: Stored<Pod> }
  | { readonly kind: 'remove'; readonly pod: Stored<Pod> }
  | { readonly kind: 'rest' };

export function decideHollowNode({ node, pods, mounts }: HollowView): HollowStep {
  const staying = pods.filter(({ isLeaving }) => !isLeaving);
  const kept = new Set(staying.map(({ pod }) => pod.metadata.uid));
  const unwanted = mounts.filter(({ podUid }) => !kept.has(podUid));
  if (unwanted.length > 0) return { kind: 'unmount', mounts: unwanted };

  const wants = staying.flatMap((pod) => pod.wants ?? []);
  const attachable = wants.filter(({ needsAttach }) => needsAttach).map(({ uniqueName }) => uniqueName);
  // What is mounted is in use, whatever is wanted: a crash may have lost the reason.
  const inUse = [...new Set([...attachable, ...mounts.map(({ backend }) => backend)])].sort();
  if (inUse.join() !== [...(node.status?.volumesInUse ?? [])].sort().join()) {
    return { kind: 'report', volumesInUse: inUse };
  }

  const offered = new Set((node.status?.volumesAttached ?? []).map(({ name }) => name));
  const open = wants.filter(
    (want) => !isMounted(want, mounts) && mayMount(want, offered) && !isTaken(want, mounts),
  );
  // One at a time: what is mounted for one pod decides about the next.
  if (open[0] !== undefined) return { kind: 'mount', mounts: [open[0].mount] };

  const ready = staying.find((pod) => isReady(pod, mounts) && pod.pod.status?.phase !== 'Running');
  if (ready !== undefined) return { kind: 'run', pod: ready.pod };
  const ended = pods.find(({ pod }) => pod.metadata.deletionTimestamp !== undefined);
  return ended === undefined ? { kind: 'rest' } : { kind: 'remove', pod: ended.pod };
}

/** volumesInUse is stored by now; the other end must offer the volume and its attachment must be of this boot. */
function mayMount(
  { needsAttach, isAttached, uniqueName }: HollowWant,
  offered: ReadonlySet<string>,
): boolean {
  return !needsAttach || (isAttached && offered.has(uniqueName));
}

/** ReadWriteOncePod is one pod at a time on this node too; the scheduler is not the only one who places pods. */
function isTaken({ mount }: HollowWant, mounts: readonly HollowMount[]): boolean {
  if (!mount.accessModes.includes('ReadWriteOncePod')) return false;
  return mounts.some(({ backend, podUid }) => backend === mount.backend && podUid !== mount.podUid);
}

function isMounted({ mount }: HollowWant, mounts: readonly HollowMount[]): boolean {
  return mounts.some(({ podUid, backend }) => podUid === mount.podUid && backend === mount.backend);
}

function isReady({ wants }: HollowPod, mounts: readonly HollowMount[]): boolean {
  return wants?.every((want) => isMounted(want, mounts)) === true;
}
