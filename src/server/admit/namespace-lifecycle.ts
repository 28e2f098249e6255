// Namespaces: nothing is created in one that is missing or ending, and the built-in ones cannot be deleted. The commit
// compares the namespace's revision too, so a deletion in between makes the create look again.
import { forbidden, notFound } from '#api/status.ts';
import type { Compare } from '#store/store.ts';
import { metaText } from '../registry/stored-form.ts';
import type { Target } from '../registry/target.ts';
import type { AdmissionView } from './admission-rule.ts';

/** The namespaces made at start. */
export const BUILT_IN_NAMESPACES = ['default', 'kube-system', 'kube-node-lease', 'holdfast-system'] as const;

const NAMESPACES = { group: '', plural: 'namespaces' };

export function admitIntoNamespace(
  view: AdmissionView,
  { definition, namespace, name }: Target,
): readonly Compare[] {
  if (namespace === undefined) return [];
  const found = view.get('namespaces', undefined, namespace);
  if (found === undefined) throw notFound(NAMESPACES, namespace);
  if (metaText(found.object, 'deletionTimestamp') !== '') {
    const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const message = `namespace ${namespace} is being terminated`;
    throw forbidden(definition.resource, name, why, {
      reason: 'NamespaceTerminating',
      message,
      field: 'metadata.namespace',
    });
  }
  return [{ key: found.key, modRevision: found.revision }];
}

export function refuseImmortalNamespace({ definition, name }: Target): void {
  const { group, plural } = definition.resource;
  if (group !== '' || plural !== 'namespaces') return;
  if (BUILT_IN_NAMESPACES.some((builtIn) => builtIn === name)) {
    throw forbidden(definition.resource, name, 'this namespace may not be deleted');
  }
}
