// How much room a node would have left, and how evenly: upstream's LeastAllocated and BalancedAllocation, 0 to 100 each.
import type { NodeState } from './node-info.ts';
import type { PodFacts } from './pod-facts.ts';

/** Both scores together, 0 to 200 (SCH46). */
export function roomOn(facts: PodFacts, state: NodeState): number {
  const cpu = Number(state.allocatable.get('cpu') ?? 0n);
  const memory = Number(state.allocatable.get('memory') ?? 0n) / 1000;
  const least = [
    freeShare(cpu, state.weight.cpu + facts.weight.cpu),
    freeShare(memory, state.weight.memory + facts.weight.memory),
  ].filter((share) => share !== undefined);
  const sum = least.reduce((total, share) => total + share, 0);
  return (least.length === 0 ? 0 : Math.floor(sum / least.length)) + balance(facts, state);
}

function freeShare(has: number, taken: number): number | undefined {
  if (has <= 0) return undefined;
  return taken > has ? 0 : Math.floor(((has - taken) * 100) / has);
}

/** 100 when cpu and memory would be used to the same part; a pod that asks for neither changes no balance. */
function balance({ requests }: PodFacts, { allocatable, used }: NodeState): number {
  if (!requests.has('cpu') && !requests.has('memory')) return 0;
  const fraction = (name: string): number | undefined => {
    const has = Number(allocatable.get(name) ?? 0n);
    const taken = Number((used.get(name) ?? 0n) + (requests.get(name) ?? 0n));
    return has <= 0 ? undefined : Math.min(1, taken / has);
  };
  const [cpu, memory] = [fraction('cpu'), fraction('memory')];
  const deviation = cpu === undefined || memory === undefined ? 0 : Math.abs(cpu - memory) / 2;
  return Math.floor((1 - deviation) * 100);
}
