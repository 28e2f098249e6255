// DeleteVolume, and the deletion of a released PersistentVolume around it (PRV20 to PRV23).
import { driverText } from '#csi/csi-error.ts';
import { readSecret } from '#client/read-secret.ts';
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { persistentVolumes } from '#api/resources.ts';
import { ApiError } from '#client/api-error.ts';
import type { Outcome } from '#client/outcome.ts';
import { volumeReachesNode } from '#rules/node-affinity.ts';
import type { DeleteProof, ProofPreconditions } from '#rules/proofs.ts';
import { classOfVolume } from '#rules/storage-class.ts';
import { EXTERNAL_PROVISIONER_FINALIZER } from '#rules/well-known.ts';
import { parseClassParameters, type SecretReference } from './class-parameters.ts';
import { decideReclaim } from './decide.ts';
import type { ProvisionerDeps } from './deps.ts';
import { proveReleased } from './prove-delete.ts';
import { reclaimView } from './view.ts';

const SETTLED: Outcome = { kind: 'settled' };

/** The call itself: takes the proof, so nothing can reach it without one. Deletion goes on when the secret is gone. */
export async function deleteOnDriver(
  deps: ProvisionerDeps,
  proof: DeleteProof,
  secret: SecretReference | undefined,
  signal: AbortSignal,
): Promise<void> {
  let secrets: Readonly<Record<string, string>> = {};
  try {
    secrets = await readSecret(deps, secret, signal);
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== 'NotFound') throw error;
  }
  await deps.driver.connection.controller.deleteVolume(
    { volumeId: proof.volumeHandle, secrets },
    { timeoutMs: deps.callTimeoutMs, signal },
  );
}

/** One pass over a PersistentVolume. */
export async function reconcileReclaim(
  deps: ProvisionerDeps,
  name: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const cached = deps.caches.volumes.get(name);
  const view = reclaimView(deps.driver.name, cached);
  const step = decideReclaim({ ...view, isElsewhere: isElsewhere(deps, cached) });
  switch (step.kind) {
    case 'none':
      return SETTLED;
    case 'set-finalizer':
      return cached === undefined ? SETTLED : setFinalizer(deps, cached, step.present, signal);
    case 'delete':
      return deleteReleased(deps, name, signal);
  }
}

/** In distributed mode only a provisioner on a node that reaches the volume deletes it (PRV73). */
function isElsewhere(
  { behaviour, caches }: ProvisionerDeps,
  volume: Stored<PersistentVolume> | undefined,
): boolean {
  const own = behaviour.nodeDeployment?.nodeName;
  if (own === undefined || volume === undefined) return false;
  const node = caches.nodes.get(own);
  return node === undefined || !volumeReachesNode(volume, node);
}

async function setFinalizer(
  deps: ProvisionerDeps,
  volume: Stored<PersistentVolume>,
  present: boolean,
  signal: AbortSignal,
): Promise<Outcome> {
  const others = (volume.metadata.finalizers ?? []).filter((f) => f !== EXTERNAL_PROVISIONER_FINALIZER);
  const finalizers = present ? [...others, EXTERNAL_PROVISIONER_FINALIZER] : others;
  const written = await deps.api.update(
    persistentVolumes,
    { ...volume, metadata: { ...volume.metadata, finalizers } },
    signal,
  );
  return {
    kind: 'progressed',
    wrote: { informer: deps.caches.volumes, resourceVersion: written.metadata.resourceVersion },
  };
}

async function deleteReleased(deps: ProvisionerDeps, name: string, signal: AbortSignal): Promise<Outcome> {
  const result = await proveReleased(deps, name, signal);
  if (result.kind === 'gone') return SETTLED;
  if (result.kind === 'in-the-way') return { kind: 'blocked', because: result.because, retryAfterMs: 5_000 };
  const { proof, subject } = result;
  const named = deletionSecret(deps, subject);
  if (named.kind === 'refused') return failedDelete(deps, subject, named.because, new Error(named.because));
  deps.log.info('deleting a released volume', { volume: name, proof: proof.describe() });
  try {
    await deleteOnDriver(deps, proof, named.secret, signal);
  } catch (error) {
    return failedDelete(deps, subject, driverText(error), error);
  }
  const { uid, resourceVersion } = subject.metadata;
  return removeObject(deps, subject, { uid, resourceVersion }, signal);
}

function failedDelete(
  deps: ProvisionerDeps,
  volume: Stored<PersistentVolume>,
  message: string,
  error: unknown,
): Outcome {
  deps.events.record(volume, { type: 'Warning', reason: 'VolumeFailedDelete', message });
  return { kind: 'failed', error };
}

type NamedSecret =
  | { readonly kind: 'named'; readonly secret: SecretReference | undefined }
  | { readonly kind: 'refused'; readonly because: string };

/** PRV24: volumes made by hand or by old provisioners have no annotations; their class names the secret. */
function deletionSecret({ caches }: ProvisionerDeps, volume: Stored<PersistentVolume>): NamedSecret {
  const annotations = volume.metadata.annotations ?? {};
  const name = annotations['volume.kubernetes.io/provisioner-deletion-secret-name'];
  const namespace = annotations['volume.kubernetes.io/provisioner-deletion-secret-namespace'];
  if (name !== undefined && namespace !== undefined) return { kind: 'named', secret: { name, namespace } };
  const storageClass = caches.classes.get(classOfVolume(volume));
  if (storageClass === undefined) return { kind: 'named', secret: undefined };
  const { claimRef } = volume.spec ?? {};
  const names = {
    volumeName: volume.metadata.name,
    claimName: claimRef?.name ?? '',
    claimNamespace: claimRef?.namespace ?? '',
  };
  const parsed = parseClassParameters(storageClass, names);
  if (parsed.kind === 'refused') return parsed;
  return { kind: 'named', secret: parsed.parameters.secrets.provisioner };
}

/**
 * PRV22: the object is marked deleted first, conditional on the version that the proof rests on, then our finalizer goes. A crash between
 * the two leaves a released volume, for which DeleteVolume succeeds again without effect.
 */
async function removeObject(
  deps: ProvisionerDeps,
  volume: Stored<PersistentVolume>,
  preconditions: ProofPreconditions,
  signal: AbortSignal,
): Promise<Outcome> {
  const finalizers = volume.metadata.finalizers ?? [];
  if (volume.metadata.deletionTimestamp === undefined) {
    await deps.api.delete(persistentVolumes, { name: volume.metadata.name }, { preconditions }, signal);
  }
  if (!finalizers.includes(EXTERNAL_PROVISIONER_FINALIZER)) return SETTLED;
  const current = await deps.api.find(persistentVolumes, { name: volume.metadata.name }, signal);
  if (current === undefined || current.metadata.uid !== preconditions.uid) return SETTLED;
  const rest = (current.metadata.finalizers ?? []).filter((f) => f !== EXTERNAL_PROVISIONER_FINALIZER);
  await deps.api.update(
    persistentVolumes,
    { ...current, metadata: { ...current.metadata, finalizers: rest } },
    signal,
  );
  return SETTLED;
}
