// Part of npm run bench -- control: from the out-of-service taint to Running on another node, with nodes without a
// kernel and virtual time, so that what is counted are waits and not this machine's speed.
import { nodes, persistentVolumeClaims, pods } from '#api/resources.ts';
import { checkInvariants } from '#testing/invariants/check.ts';
import { startCluster } from '#testing/cluster/cluster.ts';
import { claimOf, furnish, NAMESPACE, podOf } from '#testing/cluster/objects.ts';

/** Milliseconds of virtual time from the taint until the pod on the other node runs. */
export async function benchTaint(): Promise<object> {
  const cluster = await startCluster({ seed: 1, nodes: ['a', 'b'] });
  const { user, clock } = cluster;
  await cluster.settle();
  await furnish(cluster);
  await user.create(persistentVolumeClaims, claimOf('data', 'now'));
  await user.create(pods, podOf('one', ['data'], { nodeName: 'a' }));
  await cluster.settle();
  cluster.powerOff('a');
  await user.delete(pods, { namespace: NAMESPACE, name: 'one' });
  await user.create(pods, podOf('two', ['data'], { nodeName: 'b' }));
  await cluster.settle();
  const waits = (await user.get(pods, { namespace: NAMESPACE, name: 'two' })).status?.phase;
  const taint = {
    key: 'node.kubernetes.io/out-of-service',
    value: 'nodeshutdown',
    effect: 'NoExecute',
  } as const;
  const node = await user.get(nodes, { name: 'a' });
  const runs = runningAt(cluster, 'two');
  const start = clock.elapsed();
  const wall = performance.now();
  await user.update(nodes, {
    ...node,
    spec: { ...node.spec, taints: [...(node.spec?.taints ?? []), taint] },
  });
  await cluster.settle();
  const wallMs = performance.now() - wall;
  const end = runs();
  checkInvariants(cluster.world(true));
  await cluster[Symbol.asyncDispose]();
  return {
    phaseWithoutTaint: waits,
    secondsOfWaiting: end === undefined ? 'never' : (end - start) / 1000,
    wallMsOfEverything: Math.round(wallMs),
    goalSeconds: 2,
  };
}

/** Notes the virtual time at which the pod is first Running. */
function runningAt(
  cluster: Awaited<ReturnType<typeof startCluster>>,
  name: string,
): () => number | undefined {
  let at: number | undefined;
  const key = `/registry/core/pods/${NAMESPACE}/${name}`;
  cluster.store.watch(
    { start: key, end: `${key}0`, after: cluster.store.revision },
    {
      onBatch: ({ events }) => {
        const runs = events.some(({ entry }) => Buffer.from(entry.value).includes('"phase":"Running"'));
        if (runs) at ??= cluster.clock.elapsed();
      },
      onEnd: () => undefined,
    },
  );
  return () => at;
}
