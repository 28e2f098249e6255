// What a claim is to be filled from, and who fills it. Pure.
import type { PersistentVolumeClaim } from '#api/generated/core-v1.ts';

export const SNAPSHOT_GROUP = 'snapshot.storage.k8s.io';

export type DataSource =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'snapshot' | 'claim';
      readonly namespace: string;
      readonly name: string;
      /** In another namespace than the claim: needs a ReferenceGrant there (PRV67). */
      readonly isForeign: boolean;
    }
  /** An object of somebody else's kind: its populator makes the volume, not we (PRV65). */
  | { readonly kind: 'populator'; readonly what: string };

/** dataSourceRef, else the older dataSource. */
export function dataSourceOf(claim: PersistentVolumeClaim): DataSource {
  const source = claim.spec?.dataSourceRef ?? claim.spec?.dataSource;
  if (source === undefined) return { kind: 'none' };
  const own = claim.metadata.namespace ?? '';
  const named = claim.spec?.dataSourceRef?.namespace ?? '';
  const namespace = named === '' ? own : named;
  const place = { namespace, name: source.name, isForeign: namespace !== own };
  const group = source.apiGroup ?? '';
  if (group === SNAPSHOT_GROUP && source.kind === 'VolumeSnapshot') return { kind: 'snapshot', ...place };
  if (group === '' && source.kind === 'PersistentVolumeClaim') return { kind: 'claim', ...place };
  return { kind: 'populator', what: `${source.kind ?? ''}.${group} "${source.name}"` };
}
