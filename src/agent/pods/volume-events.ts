// Tells users why a pod waits for its volumes, in the kubelet's words, and whether a pod's volumes follow objects.
import type { Pod, Volume } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import type { EventRecorder } from '#client/events.ts';
import type { UnresolvedVolume } from '../world/resolve.ts';
import type { PendingVolume } from '../world/volume-world.ts';

/** Types whose content the agent writes, from objects that may change. */
export function isAgentWritten({ configMap, secret, projected, downwardAPI }: Volume): boolean {
  return [configMap, secret, projected, downwardAPI].some((one) => one !== undefined);
}

/** True when the content of some volume of the pod follows an object. */
export function bySource(pod: Pod | undefined): boolean {
  return (pod?.spec?.volumes ?? []).some(isAgentWritten);
}

export interface VolumeWait {
  readonly unresolved: readonly UnresolvedVolume[];
  readonly pending: readonly PendingVolume[];
  readonly waitedMs: number;
}

/** After so long also an attach that takes its normal course is worth an event: the kubelet's time. */
const PATIENCE_MS = 123_000;
const ATTACHING: ReadonlySet<string> = new Set(['waiting: in-use-not-stored', 'waiting: not-attached']);

/** Records what stands in the way, in the kubelet's words: each failed step, and what the pod waits for as a whole. */
export function tellVolumes(events: EventRecorder, pod: Stored<Pod>, wait: VolumeWait): void {
  const warn = (message: string): void =>
    events.record(pod, { type: 'Warning', reason: 'FailedMount', message });
  for (const volume of wait.pending) {
    const message = failureOf(volume);
    if (message !== undefined) warn(message);
  }
  const because = wait.unresolved.map((one) => one.because);
  if (because.length > 0) warn(summary(wait, because.join('; ')));
  else if (wait.waitedMs >= PATIENCE_MS) warn(summary(wait, 'timed out waiting for the condition'));
}

function failureOf({ name, driver, because = '' }: PendingVolume): string | undefined {
  const [, step, error] = /^(stage|publish) failed: (.*)$/s.exec(because) ?? [];
  if (step !== undefined) {
    return `MountVolume.${step === 'stage' ? 'MountDevice' : 'SetUp'} failed for volume "${name}" : ${error}`;
  }
  if (because === 'waiting: driver-missing') {
    const missing = `driver name ${driver ?? ''} not found in the list of registered CSI drivers`;
    return `MountVolume.MountDevice failed for volume "${name}" : ${missing}`;
  }
  return because === '' || ATTACHING.has(because)
    ? undefined
    : `MountVolume.SetUp failed for volume "${name}" : ${because}`;
}

function summary({ unresolved, pending }: VolumeWait, because: string): string {
  const list = (names: readonly string[]): string => `[${[...names].sort().join(' ')}]`;
  const unmounted = [...pending, ...unresolved].map(({ volume }) => volume);
  const unattached = pending.flatMap((one) => (ATTACHING.has(one.because ?? '') ? [one.volume] : []));
  const unprocessed = unresolved.map(({ volume }) => volume);
  return (
    `Unable to attach or mount volumes: unmounted volumes=${list(unmounted)}, ` +
    `unattached volumes=${list(unattached)}, failed to process volumes=${list(unprocessed)}: ${because}`
  );
}
