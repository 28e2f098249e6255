// From a pod's claim to the CSI volume behind it, by live reads. A claim counts only when it is Bound to a volume whose
// claimRef carries the claim's UID: a claim made anew under an old name never gets the old data (I-1).
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  SecretReference,
} from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { csiDrivers, persistentVolumeClaims, persistentVolumes, secrets } from '#api/resources.ts';
import type { ApiClient } from '#client/api-client.ts';
import { nodeExpansion } from '#rules/expansion.ts';
import { expansionFacts } from '#rules/expansion-status.ts';
import { VolumeError } from '#volumes/volume-type.ts';
import { checkLifecycle, checkTokens } from './driver-lifecycle.ts';
import { secretKeys } from './object-keys.ts';
import type { ClaimBehind, CsiSource } from './resolved-volume.ts';

export interface ClaimUse {
  readonly pod: Stored<Pod>;
  readonly claimName: string;
  /** A generic ephemeral volume: the claim must be owned by the pod. */
  readonly isEphemeral: boolean;
  readonly readOnly: boolean;
  /** The pod has nothing mounted yet. */
  readonly isNew: boolean;
  readonly isDevice: boolean;
}

export interface ResolvedClaim {
  readonly source: CsiSource & { readonly type: 'csi' };
  readonly version: string;
}

export async function resolveClaim(api: ApiClient, use: ClaimUse): Promise<ResolvedClaim> {
  const namespace = use.pod.metadata.namespace ?? '';
  const claim = await api.find(persistentVolumeClaims, { namespace, name: use.claimName });
  const named = `Claim "${namespace}/${use.claimName}"`;
  if (claim === undefined) throw new VolumeError('missing', `${named} not found`);
  checkClaim(claim, use, named);
  const volume = await api.find(persistentVolumes, { name: claim.spec?.volumeName ?? '' });
  if (volume === undefined) {
    throw new VolumeError('missing', `${named}: its volume "${claim.spec?.volumeName ?? ''}" not found`);
  }
  if (volume.spec?.claimRef?.uid !== claim.metadata.uid) {
    throw new VolumeError(
      'mismatch',
      `${named}: volume "${volume.metadata.name}" is bound to another claim (UID differs)`,
    );
  }
  return { source: await csiSource(api, { claim, volume, use, named }), version: '' };
}

function checkClaim(claim: Stored<PersistentVolumeClaim>, use: ClaimUse, named: string): void {
  const owner = claim.metadata.ownerReferences?.find((one) => one.controller === true);
  if (use.isEphemeral && owner?.uid !== use.pod.metadata.uid) {
    throw new VolumeError(
      'mismatch',
      `${named} was not created for pod "${use.pod.metadata.name}" (pod is not owner)`,
    );
  }
  if (claim.metadata.deletionTimestamp !== undefined && use.isNew) {
    throw new VolumeError('missing', `${named} is being deleted: a new pod cannot use it`);
  }
  if (claim.status?.phase !== 'Bound' || (claim.spec?.volumeName ?? '') === '') {
    throw new VolumeError('missing', `${named} is not bound: it is ${claim.status?.phase ?? 'Pending'}`);
  }
  const isBlock = claim.spec?.volumeMode === 'Block';
  if (isBlock !== use.isDevice) {
    const [has, needs] = isBlock ? ['Block', 'volumeDevices'] : ['Filesystem', 'volumeMounts'];
    throw new VolumeError('mismatch', `${named} has volumeMode ${has}: ${needs} is needed`);
  }
}

interface BoundClaim {
  readonly claim: Stored<PersistentVolumeClaim>;
  readonly volume: Stored<PersistentVolume>;
  readonly use: ClaimUse;
  readonly named: string;
}

async function csiSource(
  api: ApiClient,
  { claim, volume, use, named }: BoundClaim,
): Promise<ResolvedClaim['source']> {
  const csi = volume.spec?.csi;
  if (csi === undefined) {
    throw new VolumeError(
      'unsupported',
      `${named}: volume "${volume.metadata.name}" is no CSI volume: only "spec.csi" is served on this node`,
    );
  }
  const [driver, stageSecrets, publishSecrets, expandSecrets] = await Promise.all([
    api.find(csiDrivers, { name: csi.driver }),
    readSecret(api, csi.nodeStageSecretRef, named),
    readSecret(api, csi.nodePublishSecretRef, named),
    readSecret(api, csi.nodeExpandSecretRef, named),
  ]);
  checkLifecycle(driver, csi.driver, 'Persistent');
  checkTokens(driver, csi.driver);
  return {
    type: 'csi',
    lifecycle: 'Persistent',
    driver: csi.driver,
    handle: csi.volumeHandle,
    persistentVolume: volume.metadata.name,
    mode: volume.spec?.volumeMode === 'Block' ? 'Block' : 'Filesystem',
    fsType: csi.fsType ?? '',
    mountFlags: checkedFlags(volume, named),
    accessModes: volume.spec?.accessModes,
    readOnly: csi.readOnly === true || use.readOnly || isReadOnlyMany(volume),
    volumeAttributes: csi.volumeAttributes ?? {},
    // Without a CSIDriver object a driver is attached, as upstream does.
    needsAttach: driver?.spec.attachRequired !== false,
    podInfoOnMount: driver?.spec.podInfoOnMount === true,
    fsGroupPolicy: driver?.spec.fsGroupPolicy,
    stageSecrets,
    publishSecrets,
    expandSecrets,
    claim: claimBehind(claim, volume),
  };
}

/** A volume that allows reading only is mounted read-only, whatever the pod says (I-19). */
function isReadOnlyMany({ spec }: PersistentVolume): boolean {
  const modes = spec?.accessModes ?? [];
  return modes.length > 0 && modes.every((mode) => mode === 'ReadOnlyMany');
}

function claimBehind(claim: Stored<PersistentVolumeClaim>, volume: PersistentVolume): ClaimBehind {
  const { namespace = '', name, uid } = claim.metadata;
  const capacity = volume.spec?.capacity?.storage;
  const facts = expansionFacts(claim, capacity);
  const isToGrow = facts !== undefined && nodeExpansion({ ...facts, grownTo: undefined }).kind === 'grow';
  return { namespace, name, uid, capacity, isToGrow };
}

const DELETE = 0x7f;

function isUnsafe(flag: string): boolean {
  return [...flag].some((char) => char === ',' || char < ' ' || char.charCodeAt(0) === DELETE);
}

/** One option each: a comma would smuggle a second one into the mount. */
function checkedFlags(volume: Stored<PersistentVolume>, named: string): readonly string[] {
  const flags = volume.spec?.mountOptions ?? [];
  const unsafe = flags.find(isUnsafe);
  if (unsafe !== undefined) {
    throw new VolumeError(
      'invalid',
      `${named}: a mount option of volume "${volume.metadata.name}" holds a comma or control character`,
    );
  }
  return flags;
}

export async function readSecret(
  api: ApiClient,
  reference: SecretReference | undefined,
  named: string,
): Promise<Readonly<Record<string, string>>> {
  if (reference?.name === undefined) return {};
  const { namespace = '', name } = reference;
  const secret = await api.find(secrets, { namespace, name });
  if (secret === undefined)
    throw new VolumeError('missing', `${named}: secret "${namespace}/${name}" not found`);
  return Object.fromEntries(
    [...secretKeys(secret)].map(([key, bytes]) => [key, Buffer.from(bytes).toString()]),
  );
}
