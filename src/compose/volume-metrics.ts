// How many volumes, claims and attachments there are, counted in the caches at each look: the collectors of the
// persistent volume controller and of the attach/detach controller.
// Rule CMP10 is carried out here too.
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '#api/generated/core-v1.ts';
import {
  csiDrivers,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from '#api/resources.ts';
import type { Labels, Metrics, Sample } from '#base/metrics.ts';
import type { InformerSource } from '#client/informer.ts';
import { isTerminal } from '#rules/pod-state.ts';
import { claimKeysOfPod } from '#rules/pod-volumes.ts';

/** Registers `pv_collector_*`. */
export function collectVolumeCounts(metrics: Metrics, informers: InformerSource): void {
  const volumes = informers.informer(persistentVolumes);
  const claims = informers.informer(persistentVolumeClaims);
  const isBound = ({ status }: PersistentVolume | PersistentVolumeClaim): boolean =>
    status?.phase === 'Bound';
  for (const word of ['bound', 'unbound'] as const) {
    metrics.collect(
      {
        name: `pv_collector_${word}_pv_count`,
        help: `Gauge measuring number of persistent volume currently ${word}`,
        type: 'gauge',
      },
      () =>
        counts(volumes.list(), (pv) => (isBound(pv) === (word === 'bound') ? labelsOfVolume(pv) : undefined)),
    );
    metrics.collect(
      {
        name: `pv_collector_${word}_pvc_count`,
        help: `Gauge measuring number of persistent volume claim currently ${word}`,
        type: 'gauge',
      },
      () =>
        counts(claims.list(), (claim) =>
          isBound(claim) === (word === 'bound') ? labelsOfClaim(claim) : undefined,
        ),
    );
  }
  metrics.collect(
    {
      name: 'pv_collector_total_pv_count',
      help: 'Gauge measuring total number of persistent volumes',
      type: 'gauge',
    },
    () =>
      counts(volumes.list(), (pv) => ({
        plugin_name: pluginName(pv),
        volume_mode: pv.spec?.volumeMode ?? 'Filesystem',
      })),
  );
}

/** Registers `attachdetach_controller_total_volumes`. */
export function collectAttachments(metrics: Metrics, informers: InformerSource): void {
  const volumes = informers.informer(persistentVolumes);
  const claims = informers.informer(persistentVolumeClaims);
  const attachments = informers.informer(volumeAttachments);
  const drivers = informers.informer(csiDrivers);
  const podCache = informers.informer(pods);
  const labels = (state: string, pv: PersistentVolume | undefined): Labels => ({
    plugin_name: pv === undefined ? 'N/A' : pluginName(pv),
    state,
  });
  const wantedBy = (pod: Pod): readonly PersistentVolume[] =>
    (pod.spec?.nodeName ?? '') === '' || isTerminal(pod)
      ? []
      : claimKeysOfPod(pod).flatMap((key) => {
          const pv = volumes.get(claims.get(key)?.spec?.volumeName ?? '');
          const driver = pv?.spec?.csi?.driver;
          const isAttachable = driver !== undefined && drivers.get(driver)?.spec.attachRequired !== false;
          return pv !== undefined && isAttachable ? [pv] : [];
        });
  metrics.collect(
    {
      name: 'attachdetach_controller_total_volumes',
      help: 'Number of volumes in A/D Controller',
      type: 'gauge',
    },
    () => {
      // A volume that several pods of one node want is attached once.
      const desired = new Map<string, PersistentVolume>();
      for (const pod of podCache.list()) {
        for (const pv of wantedBy(pod)) desired.set(`${pod.spec?.nodeName ?? ''}/${pv.metadata.name}`, pv);
      }
      return [
        ...counts(attachments.list(), ({ spec }) =>
          labels('actual_state_of_world', volumes.get(spec.source.persistentVolumeName ?? '')),
        ),
        ...counts(desired.values(), (pv) => labels('desired_state_of_world', pv)),
      ];
    },
  );
}

function counts<T>(objects: Iterable<T>, labelsOf: (object: T) => Labels | undefined): readonly Sample[] {
  const byLabels = new Map<string, { readonly labels: Labels; value: number }>();
  for (const object of objects) {
    const labels = labelsOf(object);
    if (labels === undefined) continue;
    const key = JSON.stringify(labels);
    const known = byLabels.get(key);
    if (known === undefined) byLabels.set(key, { labels, value: 1 });
    else known.value++;
  }
  return [...byLabels.values()];
}

const labelsOfVolume = ({ spec }: PersistentVolume): Labels => ({
  storage_class: spec?.storageClassName ?? '',
});

const labelsOfClaim = ({ metadata, spec }: PersistentVolumeClaim): Labels => ({
  namespace: metadata.namespace ?? '',
  storage_class: spec?.storageClassName ?? '',
  volume_attributes_class: spec?.volumeAttributesClassName ?? '',
});

/** The full name of the plugin that Kubernetes would use. */
function pluginName({ spec }: PersistentVolume): string {
  if (spec?.csi !== undefined) return `kubernetes.io/csi:${spec.csi.driver}`;
  if (spec?.hostPath !== undefined) return 'kubernetes.io/host-path';
  if (spec?.local !== undefined) return 'kubernetes.io/local-volume';
  if (spec?.nfs !== undefined) return 'kubernetes.io/nfs';
  if (spec?.iscsi !== undefined) return 'kubernetes.io/iscsi';
  return spec?.fc === undefined ? 'N/A' : 'kubernetes.io/fc';
}
