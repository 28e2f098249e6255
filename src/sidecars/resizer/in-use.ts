// Whether a volume may be in use by anybody: an attachment, a node that says so, a pod that runs. Any sign counts, since
// a driver that grows offline only must be asked after the outermost step of taking the volume down.
import type { BoundClaim, ResizerDeps } from './deps.ts';
import { BY_CLAIM, BY_VOLUME } from './deps.ts';
import { keyOf } from '#api/object.ts';
import { uniqueVolumeName } from '#rules/attachment-name.ts';
import { isTerminal } from '#rules/pod-state.ts';

/** The first sign of use, in words; undefined when there is none. */
export function signOfUse({ caches }: Pick<ResizerDeps, 'caches'>, bound: BoundClaim): string | undefined {
  const { claim, volume } = bound;
  const pod = caches.pods
    .byIndex(BY_CLAIM, keyOf(claim))
    .find((one) => (one.spec?.nodeName ?? '') !== '' && !isTerminal(one));
  if (pod !== undefined) return `pod "${pod.metadata.name}" on node "${pod.spec?.nodeName ?? ''}"`;
  const attachment = caches.attachments.byIndex(BY_VOLUME, volume.metadata.name)[0];
  if (attachment !== undefined) return `an attachment to node "${attachment.spec.nodeName}"`;
  const { csi } = volume.spec ?? {};
  if (csi === undefined) return undefined;
  const name = uniqueVolumeName(csi);
  for (const node of caches.nodes.list()) {
    if (node.status?.volumesInUse?.includes(name) === true) return `node "${node.metadata.name}"`;
  }
  return undefined;
}
