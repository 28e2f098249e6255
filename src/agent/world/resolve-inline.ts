// A CSI volume written into the pod itself: made by NodePublishVolume and ended by NodeUnpublishVolume, with the pod's
// own lifetime. Its handle is upstream's, so that a driver sees the same volume from either.
import type { CSIVolumeSource, Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { csiDrivers } from '#api/resources.ts';
import { sha256Hex } from '#base/sha256.ts';
import type { ApiClient } from '#client/api-client.ts';
import { checkLifecycle, checkTokens } from './driver-lifecycle.ts';
import { readSecret } from './resolve-claim.ts';
import type { CsiSource } from './resolved-volume.ts';

export async function resolveInline(
  api: ApiClient,
  inline: { readonly pod: Stored<Pod>; readonly volume: string; readonly csi: CSIVolumeSource },
): Promise<CsiSource & { readonly type: 'csi' }> {
  const { pod, volume, csi } = inline;
  const { namespace = '', uid } = pod.metadata;
  const secretName = csi.nodePublishSecretRef?.name;
  const [driver, publishSecrets] = await Promise.all([
    api.find(csiDrivers, { name: csi.driver }),
    readSecret(
      api,
      secretName === undefined ? undefined : { namespace, name: secretName },
      `Volume "${volume}"`,
    ),
  ]);
  checkLifecycle(driver, csi.driver, 'Ephemeral');
  checkTokens(driver, csi.driver);
  return {
    type: 'csi',
    lifecycle: 'Ephemeral',
    driver: csi.driver,
    handle: `csi-${sha256Hex(`${uid}${volume}`)}`,
    persistentVolume: volume,
    mode: 'Filesystem',
    fsType: csi.fsType ?? '',
    mountFlags: [],
    accessModes: ['ReadWriteOnce'],
    readOnly: csi.readOnly === true,
    volumeAttributes: csi.volumeAttributes ?? {},
    needsAttach: false,
    podInfoOnMount: driver?.spec.podInfoOnMount === true,
    fsGroupPolicy: driver?.spec.fsGroupPolicy,
    stageSecrets: {},
    publishSecrets,
    expandSecrets: {},
  };
}
