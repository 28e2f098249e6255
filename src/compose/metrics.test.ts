import { expect, test } from 'vitest';
import type { VolumeSnapshotStatus } from '#api/generated/snapshot-v1.ts';
import {
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
  volumeSnapshotContents,
  volumeSnapshots,
} from '#api/resources.ts';
import { createMetrics } from '#base/metrics.ts';
import { CsiError } from '#csi/csi-error.ts';
import { ScriptedCsi } from '#testing/simulation/scripted-csi.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { countForcedDetaches, countProvisioning } from './counted-events.ts';
import { measuredDriver } from './measured-driver.ts';
import { deletedVolumes, snapshotOperations } from './observed-operations.ts';
import { collectAttachments, collectVolumeCounts } from './volume-metrics.ts';

function world() {
  const metrics = createMetrics();
  const clock = virtualClock();
  const api = scriptedApi();
  /** The lines of a metric, without HELP and TYPE. */
  const lines = (name: string): readonly string[] =>
    metrics
      .text()
      .split('\n')
      .filter((line) => line.startsWith(name));
  return { metrics, clock, api, lines, informers: api.informers };
}

const volume = (name: string, phase: 'Bound' | 'Released', more: object = {}) => ({
  metadata: { name },
  spec: {
    storageClassName: 'fast',
    csi: { driver: 'd', volumeHandle: name },
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: '1Gi' },
    ...more,
  },
  status: { phase },
});

test('CMP10: volumes and claims, bound and not, by their labels', () => {
  const { metrics, api, informers, lines } = world();
  collectVolumeCounts(metrics, informers);
  api.seed(persistentVolumes, volume('a', 'Bound'));
  api.seed(persistentVolumes, volume('b', 'Bound', { volumeMode: 'Block' }));
  api.seed(persistentVolumes, volume('c', 'Released', { csi: undefined, hostPath: { path: '/x' } }));
  api.seed(persistentVolumeClaims, {
    metadata: { namespace: 'n', name: 'a' },
    spec: { storageClassName: 'fast', volumeName: 'a', accessModes: ['ReadWriteOnce'] },
    status: { phase: 'Pending' },
  });
  expect(lines('pv_collector')).toEqual([
    'pv_collector_bound_pv_count{storage_class="fast"} 2',
    'pv_collector_total_pv_count{plugin_name="kubernetes.io/csi:d",volume_mode="Filesystem"} 1',
    'pv_collector_total_pv_count{plugin_name="kubernetes.io/csi:d",volume_mode="Block"} 1',
    'pv_collector_total_pv_count{plugin_name="kubernetes.io/host-path",volume_mode="Filesystem"} 1',
    'pv_collector_unbound_pv_count{storage_class="fast"} 1',
    'pv_collector_unbound_pvc_count{namespace="n",storage_class="fast",volume_attributes_class=""} 1',
  ]);
});

test('CMP10: attachments that are there, and those that pods on nodes want, one for a volume and node', () => {
  const { metrics, api, informers, lines } = world();
  collectAttachments(metrics, informers);
  api.seed(persistentVolumes, volume('a', 'Bound'));
  api.seed(persistentVolumeClaims, {
    metadata: { namespace: 'n', name: 'c' },
    spec: { volumeName: 'a', accessModes: ['ReadWriteOnce'] },
  });
  const pod = (name: string, nodeName: string | undefined, phase: 'Running' | 'Succeeded' = 'Running') =>
    api.seed(pods, {
      metadata: { namespace: 'n', name },
      spec: {
        containers: [],
        volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }],
        ...(nodeName === undefined ? {} : { nodeName }),
      },
      status: { phase },
    });
  pod('one', 'n1');
  pod('two', 'n1');
  pod('waiting', undefined);
  pod('over', 'n2', 'Succeeded');
  for (const [at, name] of ['a', 'gone'].entries()) {
    api.seed(volumeAttachments, {
      metadata: { name: `va-${at}` },
      spec: { attacher: 'd', nodeName: 'n1', source: { persistentVolumeName: name } },
    });
  }
  expect(lines('attachdetach_controller_total_volumes')).toEqual([
    'attachdetach_controller_total_volumes{plugin_name="kubernetes.io/csi:d",state="actual_state_of_world"} 1',
    'attachdetach_controller_total_volumes{plugin_name="N/A",state="actual_state_of_world"} 1',
    'attachdetach_controller_total_volumes{plugin_name="kubernetes.io/csi:d",state="desired_state_of_world"} 1',
  ]);
});

test('CMP9: a call is measured with its full name and the code as grpc-go spells it', async () => {
  const { metrics, clock, lines } = world();
  const driver = new ScriptedCsi({ clock });
  const { controller } = measuredDriver(await driver.connect(), 'd', { metrics, clock });
  const options = { timeoutMs: 1000, signal: new AbortController().signal };
  driver.hooks.before = ({ method }) =>
    method === 'deleteVolume' ? { kind: 'refuse', code: 'RESOURCE_EXHAUSTED' } : undefined;
  await controller.controllerGetCapabilities({}, options);
  await expect(controller.deleteVolume({ volumeId: 'v' }, options)).rejects.toBeInstanceOf(CsiError);
  expect(lines('csi_sidecar_operations_seconds_count')).toEqual([
    'csi_sidecar_operations_seconds_count{driver_name="d",' +
      'method_name="/csi.v1.Controller/ControllerGetCapabilities",grpc_status_code="OK"} 1',
    'csi_sidecar_operations_seconds_count{driver_name="d",' +
      'method_name="/csi.v1.Controller/DeleteVolume",grpc_status_code="ResourceExhausted"} 1',
  ]);
});

test('CMP11: forced detaches by reason, and every event still told', () => {
  const { metrics, clock, lines } = world();
  const told: string[] = [];
  const events = countForcedDetaches(
    { record: (_about, { reason }) => void told.push(reason) },
    { metrics, clock },
  );
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } };
  for (const why of ['out-of-service', 'rebooted', 'waited-too-long']) {
    const message = `Volume "v" is detached from node "n1" without its agent's word: ${why}`;
    events.record(node, { type: 'Warning', reason: 'ForcedDetach', message });
  }
  events.record(node, { type: 'Normal', reason: 'Other', message: 'x: y' });
  expect(told).toHaveLength(4);
  const name = 'attach_detach_controller_attachdetach_controller_forced_detaches';
  expect(lines(name)).toEqual(
    ['out-of-service', 'rebooted', 'timeout'].map((reason) => `${name}{reason="${reason}"} 1`),
  );
});

test('CMP11: provisioning by class and source, with how long it took', async () => {
  const { metrics, clock, lines } = world();
  const events = countProvisioning({ record: () => undefined }, { metrics, clock });
  const claim = {
    metadata: { namespace: 'n', name: 'c', uid: 'u' },
    spec: { storageClassName: 'fast', dataSourceRef: { kind: 'VolumeSnapshot', name: 's' } },
  };
  const tell = (reason: string): void => events.record(claim, { type: 'Normal', reason, message: '' });
  tell('Provisioning');
  tell('ProvisioningFailed');
  await clock.advance(3000);
  tell('Provisioning');
  tell('ProvisioningSucceeded');
  events.record(volume('pv', 'Released'), { type: 'Warning', reason: 'VolumeFailedDelete', message: '' });
  const labels = '{class="fast",source="VolumeSnapshot"}';
  expect(lines('controller_').filter((line) => !line.includes('_bucket'))).toEqual([
    'controller_persistentvolume_delete_failed_total{class="fast"} 1',
    `controller_persistentvolumeclaim_provision_duration_seconds_sum${labels} 3`,
    `controller_persistentvolumeclaim_provision_duration_seconds_count${labels} 1`,
    `controller_persistentvolumeclaim_provision_failed_total${labels} 1`,
    `controller_persistentvolumeclaim_provision_total${labels} 1`,
  ]);
});

test('CMP11: deleted volumes of the own driver, while the loop runs', async () => {
  const { metrics, clock, api, informers, lines } = world();
  const stop = new AbortController();
  const running = deletedVolumes({ metrics, informers, clock }, 'd').run(stop.signal);
  const annotations = { 'pv.kubernetes.io/provisioned-by': 'd' };
  const policy = { persistentVolumeReclaimPolicy: 'Delete' };
  const own = volume('own', 'Released', policy);
  api.seed(persistentVolumes, { ...own, metadata: { name: 'own', annotations } });
  api.seed(persistentVolumes, volume('other', 'Released', policy));
  for (const name of ['own', 'other']) await api.delete(persistentVolumes, { name });
  stop.abort();
  await running;
  expect(lines('controller_persistentvolume_delete_total')).toEqual([
    'controller_persistentvolume_delete_total{class="fast"} 1',
  ]);
});

test('CMP11: a snapshot from its creation to being made and ready', async () => {
  const { metrics, clock, api, informers, lines } = world();
  const stop = new AbortController();
  const running = snapshotOperations({ metrics, informers, clock }).run(stop.signal);
  api.seed(volumeSnapshotContents, {
    metadata: { name: 'content' },
    spec: {
      deletionPolicy: 'Delete',
      driver: 'd',
      source: { volumeHandle: 'v' },
      volumeSnapshotRef: { namespace: 'n', name: 's' },
    },
  });
  const metadata = { namespace: 'n', name: 's' };
  const spec = { source: { persistentVolumeClaimName: 'c' } };
  const created = api.seed(volumeSnapshots, { metadata, spec });
  await clock.advance(2000);
  const status = (more: VolumeSnapshotStatus) =>
    api.seed(volumeSnapshots, {
      ...created,
      status: { boundVolumeSnapshotContentName: 'content', ...more },
    });
  status({ creationTime: '2026-01-01T00:00:00Z', readyToUse: false });
  status({ creationTime: '2026-01-01T00:00:00Z', readyToUse: true });
  stop.abort();
  await running;
  const name = 'snapshot_controller_operation_total_seconds_count';
  expect(lines(name)).toEqual(
    ['CreateSnapshot', 'CreateSnapshotAndReady'].map(
      (operation) =>
        `${name}{driver_name="d",operation_name="${operation}",operation_status="success",snapshot_type="dynamic"} 1`,
    ),
  );
});
