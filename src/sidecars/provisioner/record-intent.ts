// Gathers what CreateVolume needs, fixes it in the intent and stores that, before the first call (PRV3).
import type { PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { StorageClass, VolumeAttributesClass } from '#api/generated/storage-v1.ts';
import type { Stored } from '#api/object.ts';
import { quantityToBytes } from '#api/quantity.ts';
import { configMaps, volumeAttributesClasses } from '#api/resources.ts';
import type { Outcome } from '#client/outcome.ts';
import { protectSource } from './cloning-protection.ts';
import { type ContentSource, resolveContentSource } from './content-source.ts';
import type { DataSource } from './data-source.ts';
import type { ProvisionerDeps } from './deps.ts';
import { encodeIntent } from './intent.ts';
import { makeIntent } from './make-intent.ts';
import { isGranted } from './reference-grants.ts';
import type { NodeTopology } from './topology-requirement.ts';
import { claimFacts } from './view.ts';

/** `undefined` inside `found`: nothing is asked for. */
type Lookup<T> =
  | { readonly kind: 'found'; readonly value: T | undefined }
  | { readonly kind: 'refused'; readonly because: string };

const NOTHING = { kind: 'found', value: undefined } as const;
const refused = (because: string) => ({ kind: 'refused', because }) as const;

export type RecordResult =
  | { readonly kind: 'recorded'; readonly outcome: Outcome }
  | { readonly kind: 'refused'; readonly because: string };

/** Stores the intent for a claim that waits, or says why there cannot be one yet. */
export async function recordIntent(
  deps: ProvisionerDeps,
  claim: Stored<PersistentVolumeClaim>,
  storageClass: Stored<StorageClass>,
  signal: AbortSignal,
): Promise<RecordResult> {
  const attributesClass = await attributesClassOf(deps, claim, signal);
  if (attributesClass.kind === 'refused') return attributesClass;
  const source = await contentSourceOf(deps, claim, signal);
  if (source.kind === 'refused') return source;
  const made = makeIntent(claim, storageClass, {
    driver: deps.driver,
    nodes: nodesOf(deps),
    options: deps.behaviour.request,
    ...(attributesClass.value === undefined ? {} : { attributesClass: attributesClass.value }),
    ...(source.value === undefined ? {} : { contentSource: source.value }),
  });
  if (made.kind === 'refused') return made;
  const { namespace, name } = claimFacts(claim);
  deps.events.record(claim, {
    type: 'Normal',
    reason: 'Provisioning',
    message: `External provisioner is provisioning volume for claim "${namespace}/${name}"`,
  });
  // Before the write: should its answer be lost, the intent in the cache still counts as never called for.
  deps.freshIntents.add(made.intent.name);
  const { metadata } = await deps.api.create(configMaps, encodeIntent(made.intent), signal);
  const wrote = { informer: deps.caches.intents, resourceVersion: metadata.resourceVersion };
  return { kind: 'recorded', outcome: { kind: 'progressed', wrote } };
}

function nodesOf({ caches, behaviour }: ProvisionerDeps): readonly NodeTopology[] {
  const own = behaviour.nodeDeployment?.nodeName;
  return [...caches.nodes.list()].flatMap((node) => {
    // A node's own provisioner offers nothing but its node (PRV71).
    if (own !== undefined && node.metadata.name !== own) return [];
    const csiNode = caches.csiNodes.get(node.metadata.name);
    return csiNode === undefined ? [] : [{ node, csiNode }];
  });
}

/** PRV68: read live, since few claims have one and a missing one must not be guessed from a late cache. */
async function attributesClassOf(
  deps: ProvisionerDeps,
  claim: Stored<PersistentVolumeClaim>,
  signal: AbortSignal,
): Promise<Lookup<Stored<VolumeAttributesClass>>> {
  const name = claim.spec?.volumeAttributesClassName ?? '';
  if (name === '') return NOTHING;
  const found = await deps.api.find(volumeAttributesClasses, { name }, signal);
  if (found !== undefined) return { kind: 'found', value: found };
  return refused(`VolumeAttributesClass "${name}" does not exist: create it, or name another`);
}

async function contentSourceOf(
  deps: ProvisionerDeps,
  claim: Stored<PersistentVolumeClaim>,
  signal: AbortSignal,
): Promise<Lookup<ContentSource>> {
  const { dataSource, namespace, name, uid } = claimFacts(claim);
  if (dataSource.kind === 'none' || dataSource.kind === 'populator') return NOTHING;
  const denied = await whyDenied(deps, dataSource, namespace, signal);
  if (denied !== undefined) return refused(denied);
  const wanted = {
    driver: deps.driver.name,
    capabilities: deps.driver.controllerCapabilities,
    claim: { namespace, name, uid },
    volumeMode: claim.spec?.volumeMode ?? 'Filesystem',
    requestedBytes: quantityToBytes(claim.spec?.resources?.requests?.['storage'] ?? '0'),
  };
  const found = await resolveContentSource(deps.api, wanted, dataSource, signal);
  if (found.kind === 'refused') return refused(`failed to get data source: ${found.because}`);
  const { cloneOf } = found.value;
  // PRV46: before the intent, so that the source cannot go while the copy is made.
  if (cloneOf !== undefined && !(await protectSource(deps, cloneOf, signal)))
    return refused('failed to get data source: the source PVC is going');
  return found;
}

/** PRV66 and PRV67: why the source in another namespace may not be used. */
async function whyDenied(
  deps: ProvisionerDeps,
  source: Exclude<DataSource, { readonly kind: 'none' | 'populator' }>,
  namespace: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!source.isForeign) return undefined;
  const what = `the ${source.kind} "${source.namespace}/${source.name}" of another namespace cannot be the source`;
  if (!deps.behaviour.gates.CrossNamespaceVolumeDataSource) {
    return `${what}: the feature gate CrossNamespaceVolumeDataSource is off`;
  }
  if (await isGranted(deps.api, source, namespace, signal)) return undefined;
  return `${what}: no ReferenceGrant in namespace "${source.namespace}" lets claims of "${namespace}" use it`;
}
