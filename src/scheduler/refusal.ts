// Why a pod cannot be placed, said as Kubernetes says it, followed by which object and field refused.

/** What kind of thing refused: says which changes may help, and whether pushing other pods off could. */
export type Cause =
  | 'claims'
  | 'node'
  | 'resources'
  | 'ports'
  | 'one-pod'
  | 'volumes'
  | 'capacity'
  | 'drivers'
  | 'limits'
  | 'affinity'
  | 'anti-affinity'
  | 'spread'
  | 'spread-label';

/** Removing pods from the node can end these refusals; the others stay whatever leaves (SCH83). */
const ENDED_BY_PREEMPTION: ReadonlySet<Cause> = new Set([
  'resources',
  'ports',
  'one-pod',
  'limits',
  'anti-affinity',
  'spread',
]);

export function endsWithPreemption({ cause }: Refusal): boolean {
  return ENDED_BY_PREEMPTION.has(cause);
}

export interface Refusal {
  readonly cause: Cause;
  /** Counted over nodes: `node(s) had volume node affinity conflict`. */
  readonly reason: string;
  /** Names the object and the field: `volume "pv-1": spec.nodeAffinity`. */
  readonly detail?: string;
}

/** For the many nodes that refuse nothing. */
export const NO_REFUSALS: readonly Refusal[] = [];

/** Why a pod waits, for its condition, and what may wake it. */
export interface Why {
  /** The counted reasons: equal ones are the same news. */
  readonly reasons: string;
  /** Reasons and details. */
  readonly message: string;
  readonly causes: ReadonlySet<Cause>;
}

// A message on a big cluster must stay readable and far below the limit of an event.
const MAX_DETAILS = 3;

/** Collects what the nodes say, in memory that does not grow with their number. */
export class RefusalCount {
  readonly #counts = new Map<string, number>();
  readonly #details: string[] = [];
  readonly #causes = new Set<Cause>();
  #detailCount = 0;

  add(node: string, refusals: readonly Refusal[]): void {
    for (const { cause, reason, detail } of refusals) {
      this.#causes.add(cause);
      this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
      if (detail === undefined) continue;
      this.#detailCount++;
      if (this.#details.length < MAX_DETAILS) this.#details.push(`node "${node}": ${detail}`);
    }
  }

  /** `0/3 nodes are available: 2 Insufficient cpu, 1 node(s) were unschedulable.` and the first details (SCH50). */
  sum(nodeCount: number): Why {
    const reasons = [...this.#counts].map(([reason, count]) => `${count} ${reason}`).sort();
    const said = reasons.length === 0 ? ['no node is registered'] : reasons;
    if (nodeCount === 0) this.#causes.add('node');
    return why(nodeCount, said, { shown: this.#details, count: this.#detailCount }, this.#causes);
  }
}

/** The same for what refuses every node alike: a missing claim, an unbound one (SCH50). */
export function refusalForAll(nodeCount: number, { cause, reason, detail }: Refusal): Why {
  const shown = detail === undefined ? [] : [detail];
  return why(nodeCount, [reason], { shown, count: shown.length }, new Set([cause]));
}

function why(
  nodeCount: number,
  reasons: readonly string[],
  { shown, count }: { readonly shown: readonly string[]; readonly count: number },
  causes: ReadonlySet<Cause>,
): Why {
  const more = count > shown.length ? ` (and ${count - shown.length} more)` : '';
  const tail = shown.length === 0 ? '' : ` ${shown.join('; ')}${more}.`;
  const said = `0/${nodeCount} nodes are available: ${reasons.join(', ')}.`;
  return { reasons: said, message: `${said}${tail}`, causes };
}
