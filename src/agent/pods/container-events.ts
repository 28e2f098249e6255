// What `kubectl describe pod` tells of containers: the kubelet's reasons and words, each about its container.
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import type { EventRecorder } from '#client/events.ts';
import type { PodView } from './decide.ts';
import { latestRun } from './runtime-state.ts';

export interface ContainerFacts {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** An Event about one container of a pod. */
export function tellContainer(
  events: EventRecorder,
  pod: Stored<Pod>,
  { name, ...facts }: ContainerFacts & { readonly name: string },
): void {
  const isInit = pod.spec?.initContainers?.some((one) => one.name === name) === true;
  events.record(pod, { ...facts, fieldPath: `spec.${isInit ? 'initContainers' : 'containers'}{${name}}` });
}

/** BackOff for each container that rests before its next start. */
export function tellBackOff(events: EventRecorder, pod: Stored<Pod>, view: PodView): void {
  const { namespace = '', name: podName, uid } = pod.metadata;
  for (const { name } of [...view.spec.initContainers, ...view.spec.containers]) {
    const run = latestRun(view.runtime, name);
    if (run?.state !== 'exited' || run.finishedAt + view.restartDelayMs(name, run.finishedAt) <= view.now)
      continue;
    const message = `Back-off restarting failed container ${name} in pod ${podName}_${namespace}(${uid})`;
    tellContainer(events, pod, { name, type: 'Warning', reason: 'BackOff', message });
  }
}

/** Go's form of a duration, to the millisecond: `1.204s`, `38ms`. */
export function formatMilliseconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(3).replace(/\.?0+$/, '')}s`;
}
