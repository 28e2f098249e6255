// Counters of what loops tell in events: forced detaches, and the provisioner's operations. Each of them is told once per
// operation, so the loops need no counters beside their events.
// Rule CMP11 is carried out here too.
import type { ApiObject } from '#api/object.ts';
import { isJsonObject, type JsonValue } from '#api/json.ts';
import type { Clock } from '#base/clock.ts';
import { DEFAULT_BUCKETS, type Metrics } from '#base/metrics.ts';
import type { EventRecorder } from '#client/events.ts';

type Told = Parameters<EventRecorder['record']>[1];

const MAX_BEGUN = 10_000;

interface CountDeps {
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** `events` of the attachment loop, with forced detaches counted by their reason. */
export function countForcedDetaches(events: EventRecorder, { metrics }: CountDeps): EventRecorder {
  const forced = metrics.counter({
    name: 'attach_detach_controller_attachdetach_controller_forced_detaches',
    help: 'Number of times the A/D Controller performed a forced detach',
  });
  return heard(events, (_about, { reason, message }) => {
    if (reason !== 'ForcedDetach') return;
    const why = message.slice(message.lastIndexOf(': ') + 2);
    forced.add({ reason: why === 'waited-too-long' ? 'timeout' : why });
  });
}

/** `events` of the provisioner, with its operations counted by class, as the provisioner's library counts them. */
export function countProvisioning(events: EventRecorder, { metrics, clock }: CountDeps): EventRecorder {
  const prefix = 'controller_persistentvolume';
  const made = metrics.counter({
    name: `${prefix}claim_provision_total`,
    help: 'Total number of persistent volumes provisioned successfully, by storage class and data source.',
  });
  const failed = metrics.counter({
    name: `${prefix}claim_provision_failed_total`,
    help: 'Total number of failed attempts to provision, by storage class and data source.',
  });
  const seconds = metrics.histogram({
    name: `${prefix}claim_provision_duration_seconds`,
    help: 'Latency in seconds to provision persistent volumes, by storage class and data source.',
    buckets: DEFAULT_BUCKETS,
  });
  const deleteFailed = metrics.counter({
    name: `${prefix}_delete_failed_total`,
    help: 'Total number of failed attempts to delete a persistent volume, by storage class.',
  });
  const begun = new Map<string, number>(); // bounded: a claim may go before its volume is made
  return heard(events, (about, { reason }) => {
    const uid = about.metadata.uid ?? '';
    const labels = { class: stringIn(about, 'storageClassName'), source: sourceOf(about) };
    if (reason === 'Provisioning') {
      const [oldest] = begun.size < MAX_BEGUN ? [] : begun.keys();
      if (oldest !== undefined) begun.delete(oldest);
      if (!begun.has(uid)) begun.set(uid, clock.elapsed());
    } else if (reason === 'ProvisioningFailed') {
      failed.add(labels);
    } else if (reason === 'ProvisioningSucceeded') {
      made.add(labels);
      const since = begun.get(uid);
      if (since !== undefined) seconds.observe(labels, (clock.elapsed() - since) / 1000);
      begun.delete(uid);
    } else if (reason === 'VolumeFailedDelete') {
      deleteFailed.add({ class: labels.class });
    }
  });
}

function heard(events: EventRecorder, hear: (about: ApiObject, told: Told) => void): EventRecorder {
  return {
    record(about, told) {
      hear(about, told);
      events.record(about, told);
    },
  };
}

/** Events are about API objects of which this file knows no type: their spec is read as JSON. */
function specOf(about: ApiObject): { readonly [name: string]: JsonValue | undefined } {
  const spec: unknown = 'spec' in about ? about.spec : undefined;
  return isJsonObject(spec) ? spec : {};
}

function stringIn(about: ApiObject, field: string): string {
  const value = specOf(about)[field];
  return typeof value === 'string' ? value : '';
}

function sourceOf(about: ApiObject): string {
  const { dataSourceRef, dataSource } = specOf(about);
  const source = isJsonObject(dataSourceRef) ? dataSourceRef : dataSource;
  return isJsonObject(source) && typeof source.kind === 'string' ? source.kind : '';
}
