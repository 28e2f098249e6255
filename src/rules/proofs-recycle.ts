// The proof before a volume's contents are removed (RUL117). Like all proofs only this file can make one, from live reads.
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { persistentVolumes, pods } from '#api/resources.ts';
import { isTerminal, podLabel } from './pod-state.ts';
import { claimsOfPod } from './pod-volumes.ts';
import {
  type Evidence,
  type LiveReads,
  Proof,
  type ProofResult,
  proveUnclaimed,
  refused,
  seen,
} from './proofs.ts';
import { decideReclaim } from './reclaim.ts';

class VolumeRecycleProof extends Proof<'recycle'> {
  readonly volume: Stored<PersistentVolume>;

  constructor(volume: Stored<PersistentVolume>, evidence: readonly Evidence[]) {
    super('recycle', evidence);
    this.volume = volume;
  }
}

/** Permission to remove what is in one volume. The type is public, its constructor is not. */
export type RecycleProof = VolumeRecycleProof;

/** Proves that nobody owns or uses what is in the volume `name`. */
export async function proveRecyclable(
  live: LiveReads,
  name: string,
  signal?: AbortSignal,
): Promise<ProofResult<RecycleProof>> {
  const volume = await live.find(persistentVolumes, { name }, signal);
  if (volume === undefined) return refused(`volume "${name}" has no object`);
  const { spec, status } = volume;
  if (decideReclaim(volume).kind !== 'recycle') return refused(`volume "${name}" is not to be recycled`);
  if (status?.phase !== 'Released') return refused(`volume "${name}" is in phase "${status?.phase ?? ''}"`);
  const { namespace = '', name: claimName = '', uid = '' } = spec?.claimRef ?? {};
  if (uid === '') return refused(`volume "${name}" does not say whose it was`);
  const unclaimed = await proveUnclaimed(live, { namespace, name: claimName, uid }, name, signal);
  if (unclaimed.kind === 'refused') return unclaimed;
  const all = await live.list(pods, { namespace }, signal);
  const user = all.items.find(
    (pod) => !isTerminal(pod) && claimsOfPod(pod).some((claim) => claim.claimName === claimName),
  );
  if (user !== undefined) return refused(`pod "${podLabel(user)}" uses the claim of volume "${name}"`);
  const unused = { object: 'pods', resourceVersion: all.resourceVersion, shows: 'none uses its claim' };
  const released = seen('persistentvolumes', volume, 'Released, policy Recycle');
  return { kind: 'proven', proof: new VolumeRecycleProof(volume, [released, ...unclaimed.proof, unused]) };
}
