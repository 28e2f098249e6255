// What the loop knows of one node or one pod, from its caches and its memory of heartbeats.
import type { Lease } from '#api/generated/coordination-v1.ts';
import type { Node, Pod } from '#api/generated/core-v1.ts';

export const LEASE_NAMESPACE = 'kube-node-lease';
export const PODS_BY_NODE = 'node';

export const podIndexes = {
  [PODS_BY_NODE]: ({ spec }: Pod): readonly string[] => {
    const node = spec?.nodeName ?? '';
    return node === '' ? [] : [node];
  },
};

export interface NodeView {
  readonly node: Node;
  /** How long nothing new has been heard of it. */
  readonly silentForMs: number;
}

/** What changes whenever the node speaks. */
export function heartbeatOf(node: Node, lease: Lease | undefined): string {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  // Our own mark keeps the heartbeat time, so it is not mistaken for a word of the node.
  return `${node.metadata.uid ?? ''} ${lease?.spec?.renewTime ?? ''} ${ready?.lastHeartbeatTime ?? ''}`;
}

export interface PodView {
  /** Empty: not bound yet. */
  readonly nodeName: string;
  /** Undefined: the node exists. */
  readonly nodeMissingForMs: number | undefined;
}
