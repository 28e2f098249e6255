// Carries out one AttachmentStep. No policy here: decide.ts chose the step.
import { readSecret } from '#client/read-secret.ts';
import { formatTime } from '#base/clock.ts';
import type { PersistentVolume } from '#api/generated/core-v1.ts';
import type { CSINode, VolumeAttachment, VolumeError } from '#api/generated/storage-v1.ts';
import type { Stored } from '#api/object.ts';
import { persistentVolumes, volumeAttachments } from '#api/resources.ts';
import type { Informer } from '#client/informer.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome } from '#client/outcome.ts';
import { CsiError, grpcCodeNumber, callErrorText } from '#csi/csi-error.ts';
import type { Driver } from '#csi/driver.ts';
import { decideAttachment, mayUnprotectVolume, whyNotAttachable } from './decide.ts';
import { publishRequest } from './publish-request.ts';

export const NODE_ID_ANNOTATION = 'csi.alpha.kubernetes.io/node-id';
/** The index of attachments by the volume they name. */
export const BY_VOLUME = 'volume';

export interface AttacherDeps extends LoopDeps {
  readonly driver: Driver;
  readonly callTimeoutMs: number;
  /** Attachments that the driver's list contradicts, until they have been published once more. */
  readonly suspects: Set<string>;
  readonly caches: {
    readonly attachments: Informer<VolumeAttachment>;
    readonly volumes: Informer<PersistentVolume>;
    readonly csiNodes: Informer<CSINode>;
  };
}

/** The finalizer this driver's attacher puts on attachments and volumes, as external-attacher spells it. */
export function attacherFinalizer(driver: string): string {
  return `external-attacher/${driver.replace(/[^a-zA-Z0-9-]/g, '-')}`;
}

const SETTLED: Outcome = { kind: 'settled' };

/** One pass over a VolumeAttachment. */
export async function reconcileAttachment(
  deps: AttacherDeps,
  name: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const { caches, driver } = deps;
  const attachment = caches.attachments.get(name);
  if (attachment === undefined) {
    deps.suspects.delete(name);
    return SETTLED;
  }
  const finalizer = attacherFinalizer(driver.name);
  const volume = caches.volumes.get(attachment.spec.source.persistentVolumeName ?? '');
  const nodeId = nodeIdOf(deps, attachment);
  const step = decideAttachment({
    driver: driver.name,
    canPublish: driver.controllerCapabilities.has('PUBLISH_UNPUBLISH_VOLUME'),
    isSuspect: deps.suspects.has(name),
    attachment: {
      attacher: attachment.spec.attacher,
      isDeleting: attachment.metadata.deletionTimestamp !== undefined,
      hasFinalizer: (attachment.metadata.finalizers ?? []).includes(finalizer),
      isAttached: attachment.status?.attached === true,
    },
    volume:
      volume === undefined
        ? undefined
        : {
            driver: volume.spec?.csi?.driver ?? '',
            hasFinalizer: (volume.metadata.finalizers ?? []).includes(finalizer),
            isDeleting: volume.metadata.deletionTimestamp !== undefined,
          },
    nodeId,
  });
  switch (step.kind) {
    case 'none':
      return SETTLED;
    case 'wait':
      return { kind: 'blocked', because: step.because, retryAfterMs: 10_000 };
    case 'mark-attached':
      return storeStatus(deps, attachment, { attached: true }, signal);
    case 'protect-volume':
      return volume === undefined ? SETTLED : protectVolume(deps, volume, finalizer, signal);
    case 'protect-attachment':
      return protectAttachment(deps, attachment, finalizer, nodeId ?? '', signal);
    case 'attach':
      return volume === undefined ? SETTLED : attach(deps, attachment, volume, nodeId ?? '', signal);
    case 'detach':
      return detach(deps, attachment, volume, nodeId ?? '', signal);
  }
}

export function nodeIdOf(deps: AttacherDeps, attachment: Stored<VolumeAttachment>): string | undefined {
  const csiNode = deps.caches.csiNodes.get(attachment.spec.nodeName);
  const registered = csiNode?.spec.drivers.find((d) => d.name === deps.driver.name)?.nodeID;
  // ATC8
  return registered ?? attachment.metadata.annotations?.[NODE_ID_ANNOTATION];
}

function wroteAttachment(deps: AttacherDeps, written: Stored<VolumeAttachment>): Outcome {
  return {
    kind: 'progressed',
    wrote: { informer: deps.caches.attachments, resourceVersion: written.metadata.resourceVersion },
  };
}

async function protectVolume(
  deps: AttacherDeps,
  volume: Stored<PersistentVolume>,
  finalizer: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const finalizers = [...(volume.metadata.finalizers ?? []), finalizer];
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

async function protectAttachment(
  deps: AttacherDeps,
  attachment: Stored<VolumeAttachment>,
  finalizer: string,
  nodeId: string,
  signal: AbortSignal,
): Promise<Outcome> {
  // ATC15. The attachment exists, then the volume is read; the provisioner releases, then looks for attachments. Whichever
  // comes second sees the first, so nothing is published that is about to be deleted.
  const live = await deps.api.find(
    persistentVolumes,
    { name: attachment.spec.source.persistentVolumeName ?? '' },
    signal,
  );
  const refused = whyNotAttachable(live);
  if (refused !== undefined) return { kind: 'blocked', because: refused, retryAfterMs: 10_000 };
  const { metadata } = attachment;
  const written = await deps.api.update(
    volumeAttachments,
    {
      ...attachment,
      metadata: {
        ...metadata,
        finalizers: [...(metadata.finalizers ?? []), finalizer],
        annotations: { ...metadata.annotations, [NODE_ID_ANNOTATION]: nodeId },
      },
    },
    signal,
  );
  return wroteAttachment(deps, written);
}

async function attach(
  deps: AttacherDeps,
  attachment: Stored<VolumeAttachment>,
  volume: Stored<PersistentVolume>,
  nodeId: string,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    const response = await deps.driver.connection.controller.controllerPublishVolume(
      {
        ...publishRequest(volume, nodeId, deps.driver),
        secrets: await readSecret(deps, volume.spec?.csi?.controllerPublishSecretRef, signal),
      },
      { timeoutMs: deps.callTimeoutMs, signal },
    );
    deps.suspects.delete(attachment.metadata.name);
    const { publishContext } = response;
    const context = Object.keys(publishContext).length === 0 ? {} : { attachmentMetadata: publishContext };
    return await storeStatus(deps, attachment, { attached: true, ...context }, signal);
  } catch (error) {
    if (!(error instanceof CsiError)) throw error;
    // ATC5. attached stays false, but the call has perhaps happened: the finalizer keeps the way back open.
    // What was attached before and is only being checked stays so: its node may use it (ATC12).
    const before = attachment.status?.attached === true ? attachment.status : { attached: false };
    await storeStatus(deps, attachment, { ...before, attachError: volumeError(deps, error) }, signal);
    return { kind: 'failed', error };
  }
}

async function detach(
  deps: AttacherDeps,
  attachment: Stored<VolumeAttachment>,
  volume: Stored<PersistentVolume> | undefined,
  nodeId: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const handle = volume?.spec?.csi?.volumeHandle;
  if (handle === undefined) {
    return {
      kind: 'blocked',
      because: 'the PersistentVolume that names the handle is missing',
      retryAfterMs: 30_000,
    };
  }
  try {
    await deps.driver.connection.controller.controllerUnpublishVolume(
      {
        volumeId: handle,
        nodeId,
        secrets: await readSecret(deps, volume?.spec?.csi?.controllerPublishSecretRef, signal),
      },
      { timeoutMs: deps.callTimeoutMs, signal },
    );
  } catch (error) {
    if (!(error instanceof CsiError)) throw error;
    await storeStatus(
      deps,
      attachment,
      {
        ...attachment.status,
        attached: attachment.status?.attached ?? false,
        detachError: volumeError(deps, error),
      },
      signal,
    );
    return { kind: 'failed', error };
  }
  // ATC7
  const finalizer = attacherFinalizer(deps.driver.name);
  const finalizers = (attachment.metadata.finalizers ?? []).filter((f) => f !== finalizer);
  const written = await deps.api.update(
    volumeAttachments,
    { ...attachment, metadata: { ...attachment.metadata, finalizers } },
    signal,
  );
  return wroteAttachment(deps, written);
}

async function storeStatus(
  deps: AttacherDeps,
  attachment: Stored<VolumeAttachment>,
  status: NonNullable<VolumeAttachment['status']>,
  signal: AbortSignal,
): Promise<Outcome> {
  if (isSame(attachment.status, status)) return SETTLED;
  const written = await deps.api.updateStatus(volumeAttachments, { ...attachment, status }, signal);
  return wroteAttachment(deps, written);
}

/**
 * The order of the driver's context does not matter, nor when an error was seen again: writing that would be an event,
 * and an event brings the key back before its back-off has ended.
 */
function isSame(a: VolumeAttachment['status'], b: VolumeAttachment['status']): boolean {
  const what = (error: VolumeError | undefined): unknown => [error?.errorCode, error?.message];
  const text = (status: VolumeAttachment['status']): string =>
    JSON.stringify([status?.attached, what(status?.attachError), what(status?.detachError)]) +
    JSON.stringify(Object.entries(status?.attachmentMetadata ?? {}).sort());
  return text(a) === text(b);
}

function volumeError(deps: AttacherDeps, error: CsiError): VolumeError {
  return {
    time: formatTime(deps.clock.now()),
    message: callErrorText(error),
    errorCode: grpcCodeNumber(error.code),
  };
}

/** One pass over a PersistentVolume: removes our finalizer once nothing names the volume (ATC9). */
export async function reconcileVolume(
  deps: AttacherDeps,
  name: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const cached = deps.caches.volumes.get(name);
  const finalizer = attacherFinalizer(deps.driver.name);
  if (cached === undefined) return SETTLED;
  const isCandidate = mayUnprotectVolume({
    hasFinalizer: (cached.metadata.finalizers ?? []).includes(finalizer),
    isDeleting: cached.metadata.deletionTimestamp !== undefined,
    attachments: deps.caches.attachments.byIndex(BY_VOLUME, name).length,
  });
  if (!isCandidate) return SETTLED;
  const live = await deps.api.list(volumeAttachments, {}, signal);
  if (live.items.some((a) => a.spec.source.persistentVolumeName === name)) return SETTLED;
  const finalizers = (cached.metadata.finalizers ?? []).filter((f) => f !== finalizer);
  const written = await deps.api.update(
    persistentVolumes,
    { ...cached, metadata: { ...cached.metadata, finalizers } },
    signal,
  );
  return {
    kind: 'progressed',
    wrote: { informer: deps.caches.volumes, resourceVersion: written.metadata.resourceVersion },
  };
}
