// Turns a claim and its class into the intent: the request that will be made, fixed before it is made. Pure.
import type { PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { StorageClass, VolumeAttributesClass } from '#api/generated/storage-v1.ts';
import type { Stored } from '#api/object.ts';
import { quantityToBytes } from '#api/quantity.ts';
import type { Driver } from '#csi/driver.ts';
import { volumeCapabilities } from './access-modes.ts';
import { type ClassParameters, parseClassParameters } from './class-parameters.ts';
import type { ContentSource } from './content-source.ts';
import { type Intent, type VolumePlan, volumeNameOf } from './intent.ts';
import type { RequestOptions } from './options.ts';
import { type NodeTopology, topologyRequirement, type TopologyResult } from './topology-requirement.ts';
import { type ClaimFacts, claimFacts } from './view.ts';

export type IntentResult =
  | { readonly kind: 'intent'; readonly intent: Intent }
  | { readonly kind: 'refused'; readonly because: string };

/** What the intent takes from outside the claim and its class. */
export interface IntentContext {
  readonly driver: Driver;
  readonly nodes: readonly NodeTopology[];
  readonly options: RequestOptions;
  /** Set exactly when the claim has a data source. */
  readonly contentSource?: ContentSource;
  /** The claim's VolumeAttributesClass; undefined: it names none. */
  readonly attributesClass?: Stored<VolumeAttributesClass>;
}

/** The intent for a claim, or why there cannot be one yet. */
export function makeIntent(
  claim: Stored<PersistentVolumeClaim>,
  storageClass: Stored<StorageClass>,
  context: IntentContext,
): IntentResult {
  const facts = claimFacts(claim);
  const name = volumeNameOf(facts.uid);
  const parsed = parseClassParameters(storageClass, {
    volumeName: name,
    claimName: facts.name,
    claimNamespace: facts.namespace,
  });
  if (parsed.kind === 'refused') return parsed;
  const unfit = whyNotMutable(context);
  if (unfit !== undefined) return { kind: 'refused', because: unfit };
  const topology = topologyOf(facts, storageClass, context);
  if (topology.kind === 'refused') return topology;
  const fsType = parsed.parameters.fsType ?? context.options.defaultFsType;
  const plan = planOf(claim, storageClass, { ...parsed.parameters, fsType }, context);
  return {
    kind: 'intent',
    intent: {
      name,
      driver: context.driver.name,
      phase: 'creating',
      handle: '',
      plan,
      request: {
        name,
        capacityRange: capacityRangeOf(claim, plan),
        volumeCapabilities: volumeCapabilities({
          accessModes: plan.accessModes,
          volumeMode: plan.volumeMode,
          fsType,
          mountOptions: plan.mountOptions,
          singleNodeMultiWriter: context.driver.controllerCapabilities.has('SINGLE_NODE_MULTI_WRITER'),
        }),
        parameters: { ...parsed.parameters.forDriver, ...namesOf(plan, name, context.options) },
        ...contentOf(context.contentSource),
        ...(context.attributesClass === undefined
          ? {}
          : { mutableParameters: context.attributesClass.parameters ?? {} }),
        ...(topology.kind === 'required' ? { accessibilityRequirements: requirementOf(topology) } : {}),
      },
    },
  };
}

/** PRV68. */
function whyNotMutable({ driver, attributesClass }: IntentContext): string | undefined {
  if (attributesClass === undefined) return undefined;
  const named = `VolumeAttributesClass "${attributesClass.metadata.name}"`;
  if (attributesClass.driverName !== driver.name) {
    return `${named} is for driver "${attributesClass.driverName}", but "${driver.name}" makes the volume`;
  }
  if (driver.controllerCapabilities.has('MODIFY_VOLUME')) return undefined;
  return `${named} cannot be used: driver "${driver.name}" has not the capability MODIFY_VOLUME`;
}

function topologyOf(
  facts: ClaimFacts,
  storageClass: StorageClass,
  { driver, nodes, options }: IntentContext,
): TopologyResult {
  if (!driver.pluginCapabilities.has('VOLUME_ACCESSIBILITY_CONSTRAINTS')) return { kind: 'anywhere' };
  return topologyRequirement({
    driver: driver.name,
    claimName: facts.name,
    selectedNode: facts.selectedNode,
    nodes,
    allowedTopologies: storageClass.allowedTopologies ?? [],
    strict: options.strictTopology,
    immediate: options.immediateTopology,
  });
}

function contentOf(source: ContentSource | undefined) {
  if (source === undefined) return {};
  const { kind, handle } = source;
  return {
    volumeContentSource:
      kind === 'snapshot' ? { snapshot: { snapshotId: handle } } : { volume: { volumeId: handle } },
  };
}

function requirementOf({ requisite, preferred }: Extract<TopologyResult, { kind: 'required' }>) {
  return {
    requisite: requisite.map((segments) => ({ segments })),
    preferred: preferred.map((segments) => ({ segments })),
  };
}

function planOf(
  claim: Stored<PersistentVolumeClaim>,
  storageClass: Stored<StorageClass>,
  parameters: ClassParameters,
  { attributesClass, contentSource }: IntentContext,
): VolumePlan {
  const facts = claimFacts(claim);
  return {
    claimName: facts.name,
    claimNamespace: facts.namespace,
    claimUid: facts.uid,
    className: facts.className,
    classUid: storageClass.metadata.uid,
    accessModes: [...(claim.spec?.accessModes ?? [])],
    volumeMode: claim.spec?.volumeMode ?? 'Filesystem',
    fsType: parameters.fsType ?? null,
    reclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
    mountOptions: [...(storageClass.mountOptions ?? [])],
    requestedBytes: quantityToBytes(claim.spec?.resources?.requests?.['storage'] ?? '0').toString(),
    node: facts.selectedNode,
    secrets: parameters.secrets,
    ...(attributesClass === undefined ? {} : { attributesClass: attributesClass.metadata.name }),
    ...(contentSource?.cloneOf === undefined ? {} : { cloneOf: contentSource.cloneOf }),
  };
}

function capacityRangeOf(claim: PersistentVolumeClaim, { requestedBytes }: VolumePlan) {
  const limit = claim.spec?.resources?.limits?.['storage'];
  const limited = limit === undefined ? {} : { limitBytes: quantityToBytes(limit).toString() };
  return { requiredBytes: requestedBytes, ...limited };
}

/** PRV60: names that a driver may ask for; a driver that refuses unknown parameters gets none. */
function namesOf(plan: VolumePlan, name: string, options: RequestOptions): Readonly<Record<string, string>> {
  if (!options.extraCreateMetadata) return {};
  return {
    'csi.storage.k8s.io/pv/name': name,
    'csi.storage.k8s.io/pvc/name': plan.claimName,
    'csi.storage.k8s.io/pvc/namespace': plan.claimNamespace,
  };
}
