// Whether a claim may be filled from an object of another namespace (PRV67): only where a ReferenceGrant in that
// namespace says so, as read live. Denied by default, also when the kind is not served.
import type { ApiObject, ResourceType } from '#api/object.ts';
import type { ApiClient } from '#client/api-client.ts';
import { ApiError } from '#client/api-error.ts';
import { type DataSource, SNAPSHOT_GROUP } from './data-source.ts';

interface Grantee {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
}
interface Granted {
  readonly group?: string;
  readonly kind?: string;
  readonly name?: string;
}

/** The Gateway API's kind, as far as it is read here. */
export interface ReferenceGrant extends ApiObject {
  readonly spec?: { readonly from?: readonly Grantee[]; readonly to?: readonly Granted[] };
}

export const referenceGrants: ResourceType<ReferenceGrant> = {
  group: 'gateway.networking.k8s.io',
  version: 'v1beta1',
  plural: 'referencegrants',
  kind: 'ReferenceGrant',
  namespaced: true,
};

type Source = Extract<DataSource, { readonly kind: 'snapshot' | 'claim' }>;

/** True when a grant in the source's namespace lets claims of `claimNamespace` use it. */
export async function isGranted(
  api: Pick<ApiClient, 'list'>,
  source: Source,
  claimNamespace: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const { namespace } = source;
    const { items } = await api.list(referenceGrants, { namespace }, signal);
    return items.some((grant) => grants(grant, source, claimNamespace));
  } catch (error) {
    if (error instanceof ApiError && error.reason === 'NotFound') return false;
    throw error;
  }
}

/** One grant's answer. Pure. */
export function grants({ spec }: ReferenceGrant, source: Source, claimNamespace: string): boolean {
  const [group, kind] =
    source.kind === 'snapshot' ? [SNAPSHOT_GROUP, 'VolumeSnapshot'] : ['', 'PersistentVolumeClaim'];
  const isFrom = (spec?.from ?? []).some(
    (one) =>
      (one.group ?? '') === '' && one.kind === 'PersistentVolumeClaim' && one.namespace === claimNamespace,
  );
  return (
    isFrom &&
    (spec?.to ?? []).some(
      (one) => (one.group ?? '') === group && one.kind === kind && ['', source.name].includes(one.name ?? ''),
    )
  );
}
