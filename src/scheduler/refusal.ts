// Why a pod cannot be placed, said as Kubernetes says it, followed by which object and field refused.

export interface Refusal {
  /** Counted over nodes: `node(s) had volume node affinity conflict`. */
  readonly reason: string;
  /** Names the object and the field: `volume "pv-1": spec.nodeAffinity`. */
  readonly detail?: string;
}

export interface NodeRefusal extends Refusal {
  readonly node: string;
}

// A message on a big cluster must stay readable and far below the limit of an event.
const MAX_DETAILS = 3;

/** `0/3 nodes are available: 2 Insufficient cpu, 1 node(s) were unschedulable.` and the first details (SCH50). */
export function summarize(nodeCount: number, refusals: readonly NodeRefusal[]): string {
  const counts = new Map<string, number>();
  for (const { reason } of refusals) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  const details = refusals.flatMap(({ node, detail }) =>
    detail === undefined ? [] : [`node "${node}": ${detail}`],
  );
  return sentence(nodeCount, reasons.length === 0 ? ['no node is registered'] : reasons, details);
}

/** The same for what refuses every node alike: a missing claim, an unbound one (SCH50). */
export function summarizeForAll(nodeCount: number, { reason, detail }: Refusal): string {
  return sentence(nodeCount, [reason], detail === undefined ? [] : [detail]);
}

function sentence(nodeCount: number, reasons: readonly string[], details: readonly string[]): string {
  const shown = details.slice(0, MAX_DETAILS);
  const more = details.length > shown.length ? ` (and ${details.length - shown.length} more)` : '';
  const tail = shown.length === 0 ? '' : ` ${shown.join('; ')}${more}.`;
  return `0/${nodeCount} nodes are available: ${reasons.join(', ')}.${tail}`;
}
