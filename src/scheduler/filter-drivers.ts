// What the CSI drivers on a node say: whether the driver of each volume is registered there, and whether one more
// volume fits under its attach limit.
//
// Most volumes are on no node when their pod comes. Then the answer of a node depends only on how many volumes of each
// driver are wanted, and can be remembered; nodes that have one of the volumes already are asked exactly.
import { keyOf } from '#api/object.ts';
import { exceedsLimit } from '#rules/limits.ts';
import type { Plan } from './assumptions.ts';
import { claimVolumeId } from './cluster-state.ts';
import type { NodeState } from './node-info.ts';
import { NO_REFUSALS, type Refusal } from './refusal.ts';
import type { ClaimState, ClusterView } from './view.ts';

/** Driver to the volumes wanted of it. */
export type WantedVolumes = ReadonlyMap<string, ReadonlySet<string>>;

/** The reasons why the drivers on the node cannot serve the volumes; none: they can (SCH40 to SCH42). */
export function refusalsOfDrivers(state: NodeState, wanted: WantedVolumes): readonly Refusal[] {
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

/** The pod's volumes, given what is planned for its delayed claims. */
export function wantedVolumes(claims: readonly ClaimState[], plans: readonly Plan[]): WantedVolumes {
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

/** Nodes on which one of the volumes counts already. */
export function nodesWithAny(cluster: ClusterView, wanted: WantedVolumes): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [driver, ids] of wanted) {
    for (const id of ids) for (const name of cluster.nodesWith({ driver, id }) ?? []) names.add(name);
  }
  return names;
}
