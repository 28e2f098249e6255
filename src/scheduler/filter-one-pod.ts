// ReadWriteOncePod: a claim that one pod at a time may use, in the whole cluster. Whoever has it refuses every node; on
// its own node, pushing it off helps.
import { isOnePodOnly } from '#rules/access-modes.ts';
import { NO_REFUSALS, type Refusal } from './refusal.ts';
import type { ClaimState } from './view.ts';

/** The refusal that all nodes give alike while another pod has such a claim (SCH25). */
export function refusalsOfOnePodClaims(
  claims: readonly ClaimState[],
  without: ReadonlySet<string>,
): readonly Refusal[] {
  const refusals: Refusal[] = [];
  for (const { use, claim, users } of claims) {
    if (!isOnePodOnly(claim?.spec?.accessModes)) continue;
    const others = users.filter((user) => !without.has(user));
    if (others.length === 0) continue;
    const reason =
      'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode';
    const detail = `claim "${use.claimName}" is in use by pod ${others.join(', ')}`;
    refusals.push({ cause: 'one-pod', reason, detail });
  }
  return refusals.length === 0 ? NO_REFUSALS : refusals;
}
