// Operations that only the objects' changes tell of: volumes that were deleted, snapshots that were made, became ready
// or were deleted. Counted while this process runs the loop that does them.
import type { VolumeSnapshot } from '#api/generated/snapshot-v1.ts';
import type { Stored } from '#api/object.ts';
import { persistentVolumes, volumeSnapshotContents, volumeSnapshots } from '#api/resources.ts';
import type { Clock } from '#base/clock.ts';
import type { Metrics } from '#base/metrics.ts';
import type { InformerEvent, InformerSource } from '#client/informer.ts';
import type { Service } from '#client/loop.ts';
import { PROVISIONED_BY } from '#rules/well-known.ts';

interface ObserveDeps {
  readonly metrics: Metrics;
  readonly informers: InformerSource;
  readonly clock: Clock;
}

/** The snapshot controller's buckets. */
const SNAPSHOT_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120, 300, 600];

/** Counts the volumes of `driver` that go. */
export function deletedVolumes({ metrics, informers }: ObserveDeps, driver: string): Service {
  const deleted = metrics.counter({
    name: 'controller_persistentvolume_delete_total',
    help: 'Total number of persistent volumes deleted successfully, by storage class.',
  });
  const volumes = informers.informer(persistentVolumes);
  return whileRunning('deleted-volumes', () =>
    volumes.subscribe(({ kind, object }) => {
      if (kind !== 'deleted' || object.metadata.annotations?.[PROVISIONED_BY] !== driver) return;
      if (object.spec?.persistentVolumeReclaimPolicy === 'Delete') {
        deleted.add({ class: object.spec.storageClassName ?? '' });
      }
    }),
  );
}

/** Measures snapshots from their creation to their being made and ready, and from the request of their deletion to its end. */
export function snapshotOperations({ metrics, informers, clock }: ObserveDeps): Service {
  const seconds = metrics.histogram({
    name: 'snapshot_controller_operation_total_seconds',
    help: 'Total number of seconds spent by the controller on an operation',
    buckets: SNAPSHOT_BUCKETS,
  });
  const contents = informers.informer(volumeSnapshotContents);
  const snapshots = informers.informer(volumeSnapshots);
  return whileRunning('snapshot-operations', () =>
    snapshots.subscribe((event) => {
      const { spec, status } = event.object;
      for (const [operation, since] of operationsOf(event)) {
        const content = contents.get(status?.boundVolumeSnapshotContentName ?? '');
        const labels = {
          driver_name: content?.spec.driver ?? '',
          operation_name: operation,
          operation_status: 'success',
          snapshot_type: spec.source.persistentVolumeClaimName === undefined ? 'pre-provisioned' : 'dynamic',
        };
        seconds.observe(labels, Math.max(0, clock.now() - Date.parse(since ?? '')) / 1000);
      }
    }),
  );
}

/** What has just ended, and since when it was wanted. */
function operationsOf(
  event: InformerEvent<VolumeSnapshot>,
): readonly (readonly [operation: string, since: string | undefined])[] {
  const { object } = event;
  if (event.kind === 'deleted') return [['DeleteSnapshot', object.metadata.deletionTimestamp]];
  if (event.kind === 'added') return [];
  const since = object.metadata.creationTimestamp;
  const isNew = (has: (snapshot: Stored<VolumeSnapshot>) => boolean): boolean =>
    has(object) && !has(event.previous);
  return [
    ...(isNew(({ status }) => status?.creationTime !== undefined)
      ? [['CreateSnapshot', since] as const]
      : []),
    ...(isNew(({ status }) => status?.readyToUse === true)
      ? [['CreateSnapshotAndReady', since] as const]
      : []),
  ];
}

function whileRunning(name: string, subscribe: () => () => void): Service {
  return {
    name,
    async run(signal) {
      const stop = subscribe();
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      stop();
    },
  };
}
