// Distributed provisioning of claims that bind at once: each node's provisioner waits a random time, asks its driver for
// room, then writes itself into the claim as the selected node. The write is conditional, so one of them wins (PRV72).
import type { PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import type { StorageClass } from '#api/generated/storage-v1.ts';
import type { Stored } from '#api/object.ts';
import { quantityToBytes } from '#api/quantity.ts';
import { persistentVolumeClaims } from '#api/resources.ts';
import type { Outcome } from '#client/outcome.ts';
import { segmentsOfNode } from '#rules/topology.ts';
import { SELECTED_NODE } from '#rules/well-known.ts';
import { parseClassParameters } from './class-parameters.ts';
import type { ProvisionerDeps } from './deps.ts';
import { volumeNameOf } from './intent.ts';
import type { NodeDeployment } from './options.ts';

/** One pass: sets the time of the attempt, or makes it. */
export async function raceForClaim(
  deps: ProvisionerDeps,
  claim: Stored<PersistentVolumeClaim>,
  storageClass: Stored<StorageClass>,
  signal: AbortSignal,
): Promise<Outcome> {
  const { nodeDeployment } = deps.behaviour;
  if (nodeDeployment === undefined) return { kind: 'settled' };
  const name = volumeNameOf(claim.metadata.uid);
  const now = deps.clock.elapsed();
  const at = deps.races.get(name) ?? now + delayMs(deps, nodeDeployment);
  deps.races.set(name, at);
  if (at > now) {
    return { kind: 'blocked', because: 'another node may take the claim first', retryAfterMs: at - now };
  }
  deps.races.delete(name);
  if (!(await hasRoom(deps, nodeDeployment, claim, storageClass, signal))) {
    return { kind: 'blocked', because: 'this node has no room', retryAfterMs: nodeDeployment.maxDelayMs };
  }
  const annotations = { ...claim.metadata.annotations, [SELECTED_NODE]: nodeDeployment.nodeName };
  const mine = { ...claim, metadata: { ...claim.metadata, annotations } };
  const { metadata } = await deps.api.update(persistentVolumeClaims, mine, signal);
  const wrote = { informer: deps.caches.claims, resourceVersion: metadata.resourceVersion };
  return { kind: 'progressed', wrote };
}

/** Between the base and the maximum, spread evenly: hundreds of nodes must not write at one moment. */
function delayMs({ random }: ProvisionerDeps, { baseDelayMs, maxDelayMs }: NodeDeployment): number {
  return baseDelayMs + Math.floor(random.fraction() * Math.max(0, maxDelayMs - baseDelayMs));
}

/** A driver that cannot say is believed to have room. */
async function hasRoom(
  deps: ProvisionerDeps,
  { nodeName }: NodeDeployment,
  claim: Stored<PersistentVolumeClaim>,
  storageClass: Stored<StorageClass>,
  signal: AbortSignal,
): Promise<boolean> {
  const { driver, caches } = deps;
  if (!driver.controllerCapabilities.has('GET_CAPACITY')) return true;
  const keys = caches.csiNodes
    .get(nodeName)
    ?.spec.drivers.find(({ name }) => name === driver.name)?.topologyKeys;
  const node = caches.nodes.get(nodeName);
  const segments = node === undefined ? undefined : segmentsOfNode(node, keys ?? []);
  if (segments === undefined) return false;
  const parsed = parseClassParameters(storageClass, { volumeName: '', claimName: '', claimNamespace: '' });
  if (parsed.kind === 'refused') return false;
  const answer = await driver.connection.controller.getCapacity(
    { parameters: parsed.parameters.forDriver, accessibleTopology: { segments } },
    { timeoutMs: deps.callTimeoutMs, signal },
  );
  const wanted = quantityToBytes(claim.spec?.resources?.requests?.['storage'] ?? '0');
  return wanted <= BigInt(answer.maximumVolumeSize?.value ?? answer.availableCapacity);
}
