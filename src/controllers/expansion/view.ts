// What the loop sees of one claim: plain data, no live object escapes.
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import { expansionFacts } from '#rules/expansion-status.ts';
import type { ExpansionFacts } from '#rules/expansion.ts';

export interface ClaimView {
  readonly isBound: boolean;
  readonly facts: ExpansionFacts | undefined;
  readonly volumeName: string;
  /** The driver of a CSI volume. */
  readonly driver: string | undefined;
  /** The member of the volume's spec that says what it is: `hostPath`, `nfs`. */
  readonly type: string;
}

const SOURCES = ['csi', 'hostPath', 'local', 'nfs', 'iscsi', 'fc', 'flexVolume', 'rbd', 'cephfs'] as const;

export function claimView(claim: PersistentVolumeClaim, volume: PersistentVolume | undefined): ClaimView {
  const { spec } = volume ?? {};
  return {
    isBound: claim.status?.phase === 'Bound' && spec?.claimRef?.uid === claim.metadata.uid,
    facts: expansionFacts(claim, spec?.capacity?.storage),
    volumeName: volume?.metadata.name ?? '',
    driver: spec?.csi?.driver,
    type: SOURCES.find((source) => spec?.[source] !== undefined) ?? 'unknown',
  };
}
