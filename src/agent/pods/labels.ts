// The labels and annotations by which the agent finds its pods in the runtime again: the kubelet's names, so that
// crictl and others show them.

const POD_NAME = 'io.kubernetes.pod.name';
const POD_NAMESPACE = 'io.kubernetes.pod.namespace';
export const POD_UID = 'io.kubernetes.pod.uid';
export const CONTAINER_NAME = 'io.kubernetes.container.name';
/** Seconds, so that an orphan's containers are stopped as their pod asked. */
export const GRACE_PERIOD = 'io.kubernetes.pod.terminationGracePeriod';

type StringMap = Readonly<Record<string, string>>;

export function podLabels(pod: {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}): StringMap {
  return { [POD_NAME]: pod.name, [POD_NAMESPACE]: pod.namespace, [POD_UID]: pod.uid };
}
