// The labels and annotations by which the agent finds its pods in the runtime again: the kubelet's names, so that
// crictl and others show them.

const POD_NAME = 'io.kubernetes.pod.name';
const POD_NAMESPACE = 'io.kubernetes.pod.namespace';
/** Whose pod it is: several agents, or a kubelet, may use one runtime, and each must see only its own (AGT38). */
export const AGENT = 'holdfast.dev/agent';
export const POD_UID = 'io.kubernetes.pod.uid';
export const CONTAINER_NAME = 'io.kubernetes.container.name';
/** Seconds, so that an orphan's containers are stopped as their pod asked. */
export const GRACE_PERIOD = 'io.kubernetes.pod.terminationGracePeriod';

type StringMap = Readonly<Record<string, string>>;

export interface LabelledPod {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

/** `agent`: the id of this agent, the same after every restart. */
export function podLabels(pod: LabelledPod, agent: string): StringMap {
  return { [AGENT]: agent, [POD_NAME]: pod.name, [POD_NAMESPACE]: pod.namespace, [POD_UID]: pod.uid };
}
