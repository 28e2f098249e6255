// What the CSI drivers on a node say: whether the driver of each volume is registered there, and whether one more
// volume fits under its attach limit.
import { keyOf } from '#api/object.ts';
import type { CSINodeDriver } from '#api/generated/storage-v1.ts';
import type { Plan } from './assumptions.ts';
import type { Refusal } from './refusal.ts';
import { type ClaimState, claimVolumeId, type NodeState } from './view.ts';

/** The reasons why the drivers on the node cannot serve the pod's volumes; none: they can (SCH40 to SCH42). */
export function refusalsOfDrivers(
  claims: readonly ClaimState[],
  plans: readonly Plan[],
  { csiNode, volumes }: NodeState,
): readonly Refusal[] {
  const refusals: Refusal[] = [];
  for (const [driver, wanted] of volumesByDriver(claims, plans)) {
    const registered = csiNode?.spec.drivers.find(({ name }) => name === driver);
    if (registered === undefined) {
      const detail = `its CSINode does not list driver "${driver}" in spec.drivers`;
      refusals.push({ reason: `node(s) did not have CSI driver ${driver} registered`, detail }); // SCH40
    } else if (exceedsLimit(registered, volumes.get(driver), wanted)) {
      const detail = `driver "${driver}" allows ${registered.allocatable?.count ?? 0} volumes there (CSINode spec.drivers)`;
      refusals.push({ reason: 'node(s) exceed max volume count', detail }); // SCH41
    }
  }
  return refusals;
}

function exceedsLimit(
  { allocatable }: CSINodeDriver,
  used: ReadonlySet<string> = new Set(),
  wanted: ReadonlySet<string>,
): boolean {
  const limit = allocatable?.count;
  if (limit === undefined) return false;
  const added = [...wanted].filter((id) => !used.has(id)); // a volume that is there already takes no new place
  return added.length > 0 && used.size + added.length > limit;
}

function volumesByDriver(
  claims: readonly ClaimState[],
  plans: readonly Plan[],
): ReadonlyMap<string, Set<string>> {
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
    else if (plan?.kind === 'provision') add(state.storageClass?.provisioner ?? '', claimVolumeId(claimKey));
  }
  return wanted;
}

function volumeFor({ volume, free, pointing }: ClaimState, plan: Plan | undefined): ClaimState['volume'] {
  if (plan?.kind !== 'match') return volume;
  return [...pointing, ...free].find(({ metadata }) => metadata.name === plan.volume);
}
