// The upstream timer, off unless an operator asks for it (ATT45): an attachment that nobody wants is given up when its
// node has not been Ready for a configured time. It proves nothing. A node that lost only its network may still be
// writing, and the volume is then corrupted by the next node; that is the risk that the option takes.
import type { Node } from '#api/generated/core-v1.ts';
import type { VolumeAttachment } from '#api/generated/storage-v1.ts';
import type { Stored } from '#api/object.ts';
import type { Clock } from '#base/clock.ts';
import { isNodeReady } from '#rules/taints.ts';
import type { IsOverdue } from './view.ts';

/** Never overdue. */
export const NEVER: IsOverdue = () => false;

/** Measures from when this process first saw the node not Ready, so that a restart waits anew. */
export function overdueAfter(clock: Clock, ms: number, wake: (nodeName: string) => void): IsOverdue {
  const since = new Map<string, number>();
  return (attachment: Stored<VolumeAttachment>, node: Stored<Node> | undefined): boolean => {
    const { nodeName } = attachment.spec;
    if (node === undefined || isNodeReady(node)) {
      since.delete(nodeName);
      return false;
    }
    const known = since.get(nodeName);
    if (known !== undefined) return clock.elapsed() - known >= ms;
    since.set(nodeName, clock.elapsed());
    clock.after(ms, 'deadline', () => wake(nodeName));
    return false;
  };
}
