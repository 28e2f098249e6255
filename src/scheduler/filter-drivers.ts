// What the CSI drivers on a node say: whether the driver of each volume is registered there, and whether one more
// volume fits under its attach limit.
import { keyOf } from '#api/object.ts';
import { exceedsLimit } from '#rules/limits.ts';
import type { Plan } from './assumptions.ts';
import { claimVolumeId } from './cluster-state.ts';
import type { NodeState } from './node-info.ts';
import { NO_REFUSALS, type Refusal } from './refusal.ts';
import type { ClaimState } from './view.ts';

type WantedVolumes = ReadonlyMap<string, ReadonlySet<string>>;

/** The function that asks a node's drivers about the pod's volumes, given what is planned there (SCH40 to SCH43). */
export function driverFilter(
  claims: readonly ClaimState[],
): (state: NodeState, plans: readonly Plan[]) => readonly Refusal[] {
  if (claims.length === 0) return () => NO_REFUSALS;
  const always = wantedVolumes(claims, []);
  return (state, plans) => ask(state, plans.length === 0 ? always : wantedVolumes(claims, plans));
}

function ask(state: NodeState, wanted: WantedVolumes): readonly Refusal[] {
  let refusals: Refusal[] | undefined;
  for (const [driver, ids] of wanted) {
    const registered = state.csiNode?.spec.drivers.find(({ name }) => name === driver);
    const limit = registered?.allocatable?.count;
    if (registered === undefined) {
      const detail = `its CSINode does not list driver "${driver}" in spec.drivers`;
      const reason = `node(s) did not have CSI driver ${driver} registered`;
      refusals = [...(refusals ?? []), { cause: 'drivers', reason, detail }]; // SCH40
    } else if (exceedsLimit(limit, state.volumesOf(driver), ids)) {
      const detail = `driver "${driver}" allows ${limit ?? 0} volumes there (CSINode spec.drivers)`;
      refusals = [
        ...(refusals ?? []),
        { cause: 'limits', reason: 'node(s) exceed max volume count', detail },
      ]; // SCH41
    }
  }
  return refusals ?? NO_REFUSALS;
}

function wantedVolumes(claims: readonly ClaimState[], plans: readonly Plan[]): WantedVolumes {
  const wanted = new Map<string, Set<string>>();
  const add = (driver: string, id: string): void => {
    wanted.set(driver, (wanted.get(driver) ?? new Set<string>()).add(id));
  };
  for (const state of claims) {
    if (state.claim === undefined) continue;
    const claimKey = keyOf(state.claim);
    const plan = plans.find((one) => one.claimKey === claimKey);
    const csi = volumeFor(state, plan)?.spec?.csi;
    if (csi !== undefined) add(csi.driver, csi.volumeHandle);
    else if (plan?.kind === 'provision' && state.isCsi) {
      add(state.storageClass?.provisioner ?? '', claimVolumeId(claimKey)); // SCH43
    }
  }
  return wanted;
}

function volumeFor({ volume, free, pointing }: ClaimState, plan: Plan | undefined): ClaimState['volume'] {
  if (plan?.kind !== 'match') return volume;
  return [...pointing, ...free].find(({ metadata }) => metadata.name === plan.volume);
}
