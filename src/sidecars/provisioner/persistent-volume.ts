// The PersistentVolume that an answered CreateVolume becomes (PRV8).
import type { PersistentVolume, SecretReference as CoreSecretReference } from '#api/generated/core-v1.ts';
import { formatBytes } from '#api/quantity.ts';
import type { Volume } from '#csi/generated/csi.ts';
import { nodeAffinityFor } from '#rules/topology.ts';
import { PROVISIONED_BY, EXTERNAL_PROVISIONER_FINALIZER } from '#rules/well-known.ts';
import type { SecretUse } from './class-parameters.ts';
import type { Intent } from './intent.ts';

const DELETION_SECRET_NAME = 'volume.kubernetes.io/provisioner-deletion-secret-name';
const DELETION_SECRET_NAMESPACE = 'volume.kubernetes.io/provisioner-deletion-secret-namespace';

/** Builds the object. `volume` has passed checkReply. */
export function persistentVolumeOf(intent: Intent, volume: Volume): PersistentVolume {
  const { plan } = intent;
  // 0 means that the driver does not know: then what was asked is what we have.
  const bytes = volume.capacityBytes === '0' ? plan.requestedBytes : volume.capacityBytes;
  const segments = volume.accessibleTopology.map((one) => one.segments);
  const nodeAffinity = nodeAffinityFor(segments.filter((one) => Object.keys(one).length > 0));
  const deletion = plan.secrets.provisioner;
  return {
    metadata: {
      name: intent.name,
      annotations: {
        [PROVISIONED_BY]: intent.driver,
        ...(deletion === undefined
          ? {}
          : { [DELETION_SECRET_NAME]: deletion.name, [DELETION_SECRET_NAMESPACE]: deletion.namespace }),
      },
      ...(plan.reclaimPolicy === 'Delete' ? { finalizers: [EXTERNAL_PROVISIONER_FINALIZER] } : {}),
    },
    spec: {
      accessModes: [...plan.accessModes] as NonNullable<PersistentVolume['spec']>['accessModes'],
      capacity: { storage: formatBytes(BigInt(bytes)) },
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        namespace: plan.claimNamespace,
        name: plan.claimName,
        uid: plan.claimUid,
      },
      csi: {
        driver: intent.driver,
        volumeHandle: volume.volumeId,
        ...(plan.volumeMode === 'Block' ? {} : { fsType: plan.fsType ?? 'ext4' }),
        volumeAttributes: { ...volume.volumeContext },
        ...secretField('controllerPublishSecretRef', intent, 'controller-publish'),
        ...secretField('nodeStageSecretRef', intent, 'node-stage'),
        ...secretField('nodePublishSecretRef', intent, 'node-publish'),
        ...secretField('controllerExpandSecretRef', intent, 'controller-expand'),
        ...secretField('nodeExpandSecretRef', intent, 'node-expand'),
      },
      ...(nodeAffinity === undefined ? {} : { nodeAffinity }),
      ...(plan.mountOptions.length === 0 ? {} : { mountOptions: [...plan.mountOptions] }),
      persistentVolumeReclaimPolicy: plan.reclaimPolicy as 'Delete' | 'Retain',
      storageClassName: plan.className,
      ...(plan.attributesClass === undefined ? {} : { volumeAttributesClassName: plan.attributesClass }),
      volumeMode: plan.volumeMode === 'Block' ? 'Block' : 'Filesystem',
    },
  };
}

function secretField(field: string, intent: Intent, use: SecretUse): Record<string, CoreSecretReference> {
  const reference = intent.plan.secrets[use];
  return reference === undefined ? {} : { [field]: reference };
}

/** What is wrong with a CreateVolume answer, or undefined when it can become a PersistentVolume (PRV12). */
export function checkReply(intent: Intent, volume: Volume | null): string | undefined {
  if (volume === null || volume.volumeId === '') return 'the driver answered without a volume id';
  const bytes = BigInt(volume.capacityBytes);
  if (bytes !== 0n && bytes < BigInt(intent.plan.requestedBytes)) {
    return `the driver made ${bytes} bytes, but ${intent.plan.requestedBytes} were required`;
  }
  // PRV47: an empty volume where a copy was asked for looks like success and is a loss of data.
  if (intent.request.volumeContentSource !== undefined && volume.contentSource === null) {
    return 'the driver made an empty volume, but a copy was asked for';
  }
  return undefined;
}
