// The pod that removes what is in a recycled volume (BND64). Upstream's recycler: it mounts the volume as the claim's pods
// did and succeeds only when the directory is empty. It runs in a namespace that no tenant can write.
import type { PersistentVolume, Pod } from '#api/generated/core-v1.ts';
import { quantityToBytes } from '#api/quantity.ts';
import { assert } from '#base/assert.ts';
import type { RecycleProof } from '#rules/proofs-recycle.ts';

export const SCRUBBER_NAMESPACE = 'holdfast-system';
/** On the pod: the UID of the claim after which it scrubs. */
export const SCRUBS_AFTER = 'holdfast.dev/scrubs-after-claim';
/** On the pod: marks it for the loop. */
export const SCRUBS_VOLUME = 'holdfast.dev/scrubs-volume';

const GIBIBYTE = 1024n ** 3n;
const MIN_SECONDS = 300;
const SECONDS_PER_GIBIBYTE = 30;
const SCRIPT = 'test -e /scrub && find /scrub -mindepth 1 -delete && test -z "$(ls -A /scrub)" || exit 1';

/** As upstream names it. */
export function scrubberName(volume: string): string {
  return `recycler-for-${volume}`;
}

/** The pod for a volume that may be scrubbed. */
export function scrubberPod({ volume }: RecycleProof, image: string): Pod {
  const { spec, metadata } = volume;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: SCRUBBER_NAMESPACE,
      name: scrubberName(metadata.name),
      annotations: { [SCRUBS_AFTER]: spec?.claimRef?.uid ?? '', [SCRUBS_VOLUME]: metadata.name },
    },
    spec: {
      restartPolicy: 'Never',
      activeDeadlineSeconds: deadlineSeconds(volume),
      containers: [
        {
          name: 'pv-recycler',
          image,
          command: ['/bin/sh', '-c', SCRIPT],
          volumeMounts: [{ name: 'vol', mountPath: '/scrub' }],
        },
      ],
      volumes: [{ name: 'vol', ...sourceOf(volume) }],
    },
  };
}

function sourceOf({ spec }: PersistentVolume) {
  if (spec?.hostPath !== undefined)
    return { hostPath: { path: spec.hostPath.path, type: spec.hostPath.type } };
  assert(spec?.nfs !== undefined, 'only hostPath and nfs volumes are recycled');
  return { nfs: spec.nfs };
}

/** Upstream's: five minutes, and half a minute for each GiB. */
function deadlineSeconds({ spec }: PersistentVolume): number {
  const gibibytes = quantityToBytes(spec?.capacity?.['storage'] ?? '0') / GIBIBYTE;
  return Math.max(MIN_SECONDS, Number(gibibytes) * SECONDS_PER_GIBIBYTE);
}
