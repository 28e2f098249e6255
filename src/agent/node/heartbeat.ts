// The heartbeat: a Lease in kube-node-lease, renewed every 10 seconds, owned by the Node. Its age is how the control
// plane knows that this node is alive, so it is written whatever else the agent is busy with.
import type { Lease } from '#api/generated/coordination-v1.ts';
import type { Stored } from '#api/object.ts';
import { leases } from '#api/resources.ts';
import { type Clock, formatMicroTime, sleep } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { ApiClient } from '#client/api-client.ts';
import type { NodeWriter } from './node-writer.ts';

const NAMESPACE = 'kube-node-lease';
// The kubelet's values: four renewals may be lost before the node counts as gone.
const DURATION_SECONDS = 40;
const RENEW_MS = 10_000;
/** After a failure: soon enough that one lost renewal is not noticed. */
const RETRY_MS = 1000;

export interface HeartbeatDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly api: ApiClient;
  readonly node: NodeWriter;
}

/** Renews until `signal` aborts. */
export async function runHeartbeat(deps: HeartbeatDeps, signal: AbortSignal): Promise<void> {
  let lease: Stored<Lease> | undefined;
  while (!signal.aborted) {
    let delayMs = RENEW_MS;
    try {
      lease = await renew(deps, lease, signal);
    } catch (error) {
      lease = undefined;
      delayMs = RETRY_MS;
      if (!signal.aborted) deps.log.warn('the node lease was not renewed', { error: messageOf(error) });
    }
    await sleep(deps.clock, delayMs, 'periodic', signal);
  }
}

async function renew(
  { clock, api, node }: HeartbeatDeps,
  known: Stored<Lease> | undefined,
  signal: AbortSignal,
): Promise<Stored<Lease>> {
  const name = node.name;
  const lease = known ?? (await api.find(leases, { namespace: NAMESPACE, name }, signal));
  const owner = node.node;
  // Set once: a node may not change who owns its lease.
  const owned =
    owner === undefined
      ? {}
      : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: owner.metadata.uid }] };
  const spec = {
    holderIdentity: name,
    leaseDurationSeconds: DURATION_SECONDS,
    renewTime: formatMicroTime(clock.now()),
  };
  if (lease === undefined) {
    return api.create(leases, { metadata: { namespace: NAMESPACE, name, ...owned }, spec }, signal);
  }
  const metadata = { ...owned, ...lease.metadata };
  return api.update(leases, { ...lease, metadata, spec: { ...lease.spec, ...spec } }, signal);
}
