// Every kind that Holdfast serves.
import { assert } from '#base/assert.ts';
import { builtInCustomKinds } from '../crd/built-in.ts';
import { customResourceDefinitionKind } from '../crd/definition-kind.ts';
import type { KindDefinition } from '../kind.ts';
import { configMapKind } from './config-map.ts';
import { csiDriverKind } from './csi-driver.ts';
import { csiNodeKind } from './csi-node.ts';
import { csiStorageCapacityKind } from './csi-storage-capacity.ts';
import { eventKind } from './event.ts';
import { leaseKind } from './lease.ts';
import { limitRangeKind } from './limit-range.ts';
import { namespaceKind } from './namespace.ts';
import { nodeKind } from './node.ts';
import { persistentVolumeClaimKind } from './persistent-volume-claim.ts';
import { persistentVolumeKind } from './persistent-volume.ts';
import { podKind } from './pod.ts';
import { podDisruptionBudgetKind } from './pod-disruption-budget.ts';
import { priorityClassKind } from './priority-class.ts';
import { resourceQuotaKind } from './resource-quota.ts';
import { secretKind } from './secret.ts';
import { serviceAccountKind } from './service-account.ts';
import { storageClassKind } from './storage-class.ts';
import { volumeAttachmentKind } from './volume-attachment.ts';
import { volumeAttributesClassKind } from './volume-attributes-class.ts';

export const servedKinds: readonly KindDefinition[] = [
  namespaceKind,
  nodeKind,
  podKind,
  persistentVolumeKind,
  persistentVolumeClaimKind,
  configMapKind,
  secretKind,
  serviceAccountKind,
  eventKind,
  leaseKind,
  storageClassKind,
  volumeAttachmentKind,
  csiDriverKind,
  csiNodeKind,
  csiStorageCapacityKind,
  volumeAttributesClassKind,
  resourceQuotaKind,
  limitRangeKind,
  priorityClassKind,
  podDisruptionBudgetKind,
  customResourceDefinitionKind,
  ...builtInCustomKinds(),
];

/** The definition of the kind named `kind`; there must be one. */
export function kindOf(kind: string): KindDefinition {
  const found = servedKinds.find((definition) => definition.resource.kind === kind);
  assert(found !== undefined, `the kind "${kind}" must be among the served kinds`);
  return found;
}
