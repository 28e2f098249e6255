// What a pod asks of a node, and whether a node has it. All amounts are thousandths, so that sums are exact.
import { quantityToMilli } from '#api/quantity.ts';
import type { Container, Node, Pod } from '#api/generated/core-v1.ts';

export type Amounts = ReadonlyMap<string, bigint>;

/**
 * The resources a pod needs (RUL95): its containers and its side-car init containers run together; each other init
 * container runs alone beside the side-cars started before it; the larger of both counts, plus the overhead.
 * `pods` is always 1.
 */
export function requestsOfPod(pod: Pod): Amounts {
  const sidecars = new Map<string, bigint>();
  const peak = new Map<string, bigint>();
  for (const init of pod.spec?.initContainers ?? []) {
    if (init.restartPolicy === 'Always') {
      addTo(sidecars, requestsOfContainer(init));
      raiseTo(peak, sidecars);
    } else {
      const alone = new Map(sidecars);
      addTo(alone, requestsOfContainer(init));
      raiseTo(peak, alone);
    }
  }
  const running = new Map(sidecars);
  for (const container of pod.spec?.containers ?? []) addTo(running, requestsOfContainer(container));
  raiseTo(peak, running);
  addTo(peak, amountsOf(pod.spec?.overhead));
  peak.set('pods', 1000n);
  return peak;
}

function requestsOfContainer({ resources }: Pick<Container, 'resources'>): Amounts {
  return amountsOf({ ...resources?.limits, ...resources?.requests });
}

/** A resource list as amounts. */
export function amountsOf(list: Readonly<Record<string, string>> | undefined): Amounts {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, quantityToMilli(text)]));
}

/** Adds `more` to `sum`. */
export function addTo(sum: Map<string, bigint>, more: Amounts): void {
  for (const [name, amount] of more) sum.set(name, (sum.get(name) ?? 0n) + amount);
}

function raiseTo(peak: Map<string, bigint>, other: Amounts): void {
  for (const [name, amount] of other) {
    if (amount > (peak.get(name) ?? 0n)) peak.set(name, amount);
  }
}

/** The resources of which the node has too little left for `requests`, given what is already `used` (RUL96). */
export function missingResources(node: Node, requests: Amounts, used: Amounts): readonly string[] {
  return missingAmounts(amountsOf(node.status?.allocatable), requests, used);
}

/** The same for a node whose allocatable amounts are read already. */
export function missingAmounts(allocatable: Amounts, requests: Amounts, used: Amounts): readonly string[] {
  const missing: string[] = [];
  for (const [name, amount] of requests) {
    if (amount === 0n) continue;
    if ((used.get(name) ?? 0n) + amount > (allocatable.get(name) ?? 0n)) missing.push(name);
  }
  return missing;
}
