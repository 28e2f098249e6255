// Turns a claim and its class into the intent: the request that will be made, fixed before it is made. Pure.
import type { PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { StorageClass } from '#api/generated/storage-v1.ts';
import type { Stored } from '#api/object.ts';
import { quantityToBytes } from '#api/quantity.ts';
import type { Driver } from '#csi/driver.ts';
import { volumeCapabilities } from './access-modes.ts';
import { parseClassParameters } from './class-parameters.ts';
import { type Intent, volumeNameOf } from './intent.ts';
import { type NodeTopology, topologyRequirement } from './topology-requirement.ts';
import { claimFacts } from './view.ts';

export type IntentResult =
  | { readonly kind: 'intent'; readonly intent: Intent }
  | { readonly kind: 'refused'; readonly because: string };

/** The intent for a claim, or why there cannot be one yet. */
export function makeIntent(
  claim: Stored<PersistentVolumeClaim>,
  storageClass: Stored<StorageClass>,
  context: { readonly driver: Driver; readonly nodes: readonly NodeTopology[] },
): IntentResult {
  const facts = claimFacts(claim);
  const name = volumeNameOf(facts.uid);
  const parsed = parseClassParameters(storageClass, {
    volumeName: name,
    claimName: facts.name,
    claimNamespace: facts.namespace,
  });
  if (parsed.kind === 'refused') return parsed;
  if (claim.spec?.dataSource !== undefined || claim.spec?.dataSourceRef !== undefined) {
    return {
      kind: 'refused',
      because: 'restoring from a data source is not supported yet: remove spec.dataSource',
    };
  }
  const topology = context.driver.pluginCapabilities.has('VOLUME_ACCESSIBILITY_CONSTRAINTS')
    ? topologyRequirement({
        driver: context.driver.name,
        selectedNode: facts.selectedNode,
        nodes: context.nodes,
        allowedTopologies: storageClass.allowedTopologies ?? [],
      })
    : ({ kind: 'anywhere' } as const);
  if (topology.kind === 'refused') return topology;
  const { parameters } = parsed;
  const volumeMode = claim.spec?.volumeMode ?? 'Filesystem';
  const mountOptions = storageClass.mountOptions ?? [];
  const requestedBytes = quantityToBytes(claim.spec?.resources?.requests?.['storage'] ?? '0').toString();
  const limit = claim.spec?.resources?.limits?.['storage'];
  return {
    kind: 'intent',
    intent: {
      name,
      driver: context.driver.name,
      phase: 'creating',
      handle: '',
      plan: {
        claimName: facts.name,
        claimNamespace: facts.namespace,
        claimUid: facts.uid,
        className: facts.className,
        classUid: storageClass.metadata.uid,
        accessModes: [...(claim.spec?.accessModes ?? [])],
        volumeMode,
        fsType: parameters.fsType ?? null,
        reclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
        mountOptions: [...mountOptions],
        requestedBytes,
        node: facts.selectedNode,
        secrets: parameters.secrets,
      },
      request: {
        name,
        capacityRange: {
          requiredBytes: requestedBytes,
          ...(limit === undefined ? {} : { limitBytes: quantityToBytes(limit).toString() }),
        },
        volumeCapabilities: volumeCapabilities({
          accessModes: claim.spec?.accessModes ?? [],
          volumeMode,
          fsType: parameters.fsType ?? 'ext4',
          mountOptions,
          singleNodeMultiWriter: context.driver.controllerCapabilities.has('SINGLE_NODE_MULTI_WRITER'),
        }),
        parameters: parameters.forDriver,
        ...(topology.kind === 'required'
          ? {
              accessibilityRequirements: {
                requisite: topology.requisite.map((segments) => ({ segments })),
                preferred: topology.preferred.map((segments) => ({ segments })),
              },
            }
          : {}),
      },
    },
  };
}
