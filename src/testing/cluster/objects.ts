// The objects that cluster tests and scenarios are made of, as small as the server takes them.
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import { csiDrivers, storageClasses } from '#api/resources.ts';
import { DRIVER_NAME } from '../simulation/traits.ts';
import type { Cluster } from './cluster.ts';

export const NAMESPACE = 'default';

/** Classes `now` and `later` (waits for the first pod), both with Delete, `kept` with Retain; and the CSIDriver. */
export async function furnish({ user }: Cluster, attachRequired = true): Promise<void> {
  await user.create(csiDrivers, { metadata: { name: DRIVER_NAME }, spec: { attachRequired } });
  const classes = [
    { name: 'now', volumeBindingMode: 'Immediate', reclaimPolicy: 'Delete' },
    { name: 'later', volumeBindingMode: 'WaitForFirstConsumer', reclaimPolicy: 'Delete' },
    { name: 'kept', volumeBindingMode: 'Immediate', reclaimPolicy: 'Retain' },
  ] as const;
  for (const { name, ...rest } of classes) {
    await user.create(storageClasses, {
      metadata: { name },
      provisioner: DRIVER_NAME,
      allowVolumeExpansion: true,
      ...rest,
    });
  }
}

export function claimOf(
  name: string,
  storageClassName: string,
  more: Partial<NonNullable<PersistentVolumeClaim['spec']>> = {},
): PersistentVolumeClaim {
  return {
    metadata: { namespace: NAMESPACE, name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName,
      resources: { requests: { storage: '1Gi' } },
      ...more,
    },
  };
}

export function podOf(
  name: string,
  claims: readonly string[],
  more: Partial<NonNullable<Pod['spec']>> = {},
): Pod {
  return {
    metadata: { namespace: NAMESPACE, name },
    spec: {
      containers: [
        { name: 'main', image: 'none', volumeMounts: claims.map((c) => ({ name: c, mountPath: `/${c}` })) },
      ],
      volumes: claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })),
      ...more,
    },
  };
}

/** A volume made by hand for a handle that the driver has or not. */
export function volumeOf(
  name: string,
  storageClassName: string,
  more: Partial<NonNullable<PersistentVolume['spec']>> = {},
): PersistentVolume {
  return {
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      storageClassName,
      persistentVolumeReclaimPolicy: 'Retain',
      csi: { driver: DRIVER_NAME, volumeHandle: name },
      ...more,
    },
  };
}
