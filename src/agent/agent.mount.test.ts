// The agent with everything real beneath it: API server (memory store), sandbox runtime, mounts, a CSI driver on a
// unix socket. Only the scheduler and the attachment loop are played by the test.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256Hex } from '#base/sha256.ts';
import { servedKinds } from '#api/kinds/index.ts';
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import {
  configMaps,
  csiDrivers,
  csiNodes,
  events,
  leases,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  secrets,
  volumeAttachments,
} from '#api/resources.ts';
import { type Log, silentLog } from '#base/log.ts';
import { realClock } from '#base/real/clock.ts';
import { realRandom } from '#base/real/random.ts';
import type { ApiClient } from '#client/api-client.ts';
import { createApiClient } from '#client/create-client.ts';
import { createEventRecorder } from '#client/event-recorder.ts';
import { serveRegistration } from '#csi/registration.ts';
import { serveDriver } from '#csi/serve.ts';
import { realFiles } from '#files/real/files.ts';
import { realHost } from '#host/real/host.ts';
import { realOwnedTrees } from '#host/real/remove-owned-tree.ts';
import { realSafePaths } from '#host/real/safe-path.ts';
import { realProcesses } from '#runtime/sandbox/real/processes.ts';
import { realStreamListener } from '#runtime/sandbox/real/stream-listener.ts';
import { sandboxService } from '#runtime/sandbox/sandbox.ts';
import { createApiServer } from '#server/server.ts';
import { memoryStore } from '#store/memory.ts';
import { ADMIN, nodeUser } from '#testing/api-server.ts';
import { SCRATCH_MARKER, watchLeaks } from '#testing/leaks.ts';
import { scratchFolder } from '#testing/real/scratch.ts';
import { realGrpc } from '#transport/real/grpc.ts';
import type { HttpTransport } from '#transport/http.ts';
import { agentService } from './agent.ts';
import { attachmentName } from '#rules/attachment-name.ts';
import { realNodeEffects } from './real/node-effects.ts';

const NODE = 'node-1';
const DRIVER = 'test.holdfast.dev';
const KEY = `kubernetes.io/csi/${DRIVER}^vol-1`;
const clock = realClock();
const host = realHost();
const grpc = realGrpc();

const loud: Log = {
  ...silentLog,
  warn: (message, fields) => void process.stderr.write(`warn ${message} ${JSON.stringify(fields)}\n`),
  error: (message, fields) => void process.stderr.write(`error ${message} ${JSON.stringify(fields)}\n`),
  with: () => loud,
};

async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  const end = clock.elapsed() + 20_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (clock.elapsed() > end) throw new Error(`waited 20 s for: ${what}`);
    await new Promise<void>((resolve) => void clock.after(10, 'periodic', resolve));
  }
}

/** A driver that stages a tmpfs and binds it into pods. */
function driverHandlers(calls: string[]) {
  return {
    identity: {
      getPluginInfo: async () => ({ name: DRIVER, vendorVersion: '1' }),
      getPluginCapabilities: async () => ({ capabilities: [] }),
      probe: async () => ({}),
    },
    node: {
      nodeGetInfo: async () => ({
        nodeId: NODE,
        maxVolumesPerNode: slots,
        accessibleTopology: { segments: { 'topology.test.holdfast.dev/pool': 'one' } },
      }),
      nodeGetCapabilities: async () => ({
        capabilities: [{ rpc: { type: 'STAGE_UNSTAGE_VOLUME' as const } }],
      }),
      nodeStageVolume: async (request: { stagingTargetPath: string; publishContext: object }) => {
        calls.push(`stage ${JSON.stringify(request.publishContext)}`);
        const target = request.stagingTargetPath;
        await host.mounts.mount({ source: 'tmpfs', target, fsType: 'tmpfs', flags: ['nosuid', 'nodev'] });
        return {};
      },
      nodePublishVolume: async (request: {
        volumeId: string;
        stagingTargetPath: string;
        targetPath: string;
        volumeContext: Readonly<Record<string, string>>;
      }) => {
        const { stagingTargetPath: source, targetPath: target, volumeContext } = request;
        await mkdir(target, { recursive: true });
        if (volumeContext['csi.storage.k8s.io/ephemeral'] === 'true') {
          calls.push(
            `inline ${request.volumeId} in ${volumeContext['csi.storage.k8s.io/pod.name']} "${source}"`,
          );
          await host.mounts.mount({ source: 'tmpfs', target, fsType: 'tmpfs', flags: [] });
          return {};
        }
        calls.push('publish');
        await host.mounts.bind({ source, target, readOnly: false });
        return {};
      },
      nodeUnpublishVolume: async (request: { targetPath: string }) => {
        calls.push('unpublish');
        await host.mounts.unmount(request.targetPath);
        return {};
      },
      nodeUnstageVolume: async (request: { stagingTargetPath: string }) => {
        calls.push('unstage');
        await host.mounts.unmount(request.stagingTargetPath);
        return {};
      },
    },
  };
}

/** What the driver says it can attach here. */
let slots = '7';
const calls: string[] = [];
const over = new AbortController();
const stack = new AsyncDisposableStack();
let admin: ApiClient;
let root: string;
let startAgent: () => { stop(): Promise<void> };
let agent: { stop(): Promise<void> };

watchLeaks({ within: SCRATCH_MARKER });

beforeAll(async () => {
  const scratch = stack.use(await scratchFolder());
  root = scratch.path;
  const deps = { clock, random: realRandom(), log: loud, files: realFiles(), grpc };
  const server = stack.use(
    await createApiServer({
      ...deps,
      store: memoryStore(),
      kinds: servedKinds,
      versionInfo: { major: '1', minor: '36', gitVersion: 'v1.36.0' },
    }),
  );
  admin = createApiClient(server.handler, ADMIN);
  const api = createApiClient(server.handler, nodeUser(NODE));
  const processes = stack.use(
    realProcesses({
      threadEntry: new URL('../runtime/sandbox/real/namespace-thread-entry.ts', import.meta.url),
    }),
  );
  const criEndpoint = `unix://${root}/cri.sock`;
  const sandbox = sandboxService({
    ...deps,
    processes,
    streams: realStreamListener(),
    options: {
      endpoint: criEndpoint,
      stateDirectory: `${root}/sandbox`,
      hiddenDirectories: [],
      topLayerBytes: 1 << 26,
      hostIp: '127.0.0.1',
    },
  }).run(over.signal);
  stack.defer(() => sandbox);
  const recorder = createEventRecorder({ ...deps, api, component: 'kubelet', host: NODE });
  const recording = recorder.run(over.signal);
  stack.defer(() => recording);
  await mkdir(`${root}/kubelet/plugins_registry`, { recursive: true, mode: 0o700 });
  stack.use(await serveDriver(grpc, `${root}/csi.sock`, driverHandlers(calls)));
  stack.use(
    await serveRegistration(grpc, `${root}/kubelet/plugins_registry/test-reg.sock`, {
      name: DRIVER,
      endpoint: `${root}/csi.sock`,
      supportedVersions: ['1.0.0'],
      notified: (status) => void calls.push(`notified ${status.pluginRegistered} ${status.error}`),
    }),
  );
  const http: HttpTransport = {
    listen: async () => ({ port: 10250, [Symbol.asyncDispose]: async () => undefined }),
    client: () => {
      throw new Error('no client in this test');
    },
  };
  startAgent = () => {
    const stop = new AbortController();
    const running = agentService({
      ...deps,
      ...realNodeEffects(),
      api,
      events: recorder,
      host,
      trees: realOwnedTrees,
      safePaths: realSafePaths,
      http,
      criEndpoint,
      nodeName: NODE,
      kubeletRoot: `${root}/kubelet`,
      podLogsRoot: `${root}/logs`,
      internalIp: '127.0.0.1',
      listen: {
        host: '127.0.0.1',
        port: 0,
        tls: { certificate: '', privateKey: '', certificateAuthority: '' },
      },
      version: 'v1.36.0-test',
    }).run(stop.signal);
    return {
      async stop() {
        stop.abort();
        await running;
      },
    };
  };
  agent = startAgent();
});

afterAll(async () => {
  await agent.stop();
  over.abort();
  // After a failure: nothing of this test may stay mounted.
  const left = (await host.mounts.table()).filter(({ mountPoint }) =>
    mountPoint.startsWith(`${root}/kubelet`),
  );
  for (const { mountPoint } of left.reverse()) await host.mounts.unmount(mountPoint);
  await stack.disposeAsync();
});

const find = (name: string): Promise<Stored<Pod> | undefined> =>
  admin.find(pods, { namespace: 'default', name });

async function podWhen(name: string, what: string, is: (pod: Stored<Pod>) => boolean): Promise<Stored<Pod>> {
  let last: Stored<Pod> | undefined;
  try {
    return await until(`pod ${name} ${what}`, async () => {
      last = await find(name);
      return last !== undefined && is(last) ? last : undefined;
    });
  } catch (error) {
    throw new Error(`${String(error)}: ${JSON.stringify(last?.status, undefined, 1)}`);
  }
}

/** Settled means settled: for a second nobody writes the pod or the node. */
async function isQuiet(name: string): Promise<void> {
  const versions = async (): Promise<unknown> => [
    (await find(name))?.metadata.resourceVersion,
    (await admin.get(nodes, { name: NODE })).metadata.resourceVersion,
  ];
  await new Promise<void>((resolve) => void clock.after(300, 'periodic', resolve));
  const before = await versions();
  await new Promise<void>((resolve) => void clock.after(1000, 'periodic', resolve));
  expect(await versions()).toEqual(before);
}

const isRunning = (pod: Pod): boolean =>
  pod.status?.containerStatuses?.every((one) => one.ready) === true && pod.status.phase === 'Running';

function podObject(name: string, spec: Partial<NonNullable<Pod['spec']>>): Pod {
  return {
    metadata: { namespace: 'default', name },
    spec: { nodeName: NODE, containers: [], terminationGracePeriodSeconds: 1, ...spec },
  };
}

test('AGT40 AGT41 AGT43 AGT44: the node registers itself, its heartbeat and its driver', async () => {
  const node = await until('a ready node', async () => {
    const found = await admin.find(nodes, { name: NODE });
    return found?.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True')
      ? found
      : undefined;
  });
  expect(node.status?.daemonEndpoints?.kubeletEndpoint?.Port).toBe(10250);
  expect(node.status?.nodeInfo?.bootID).toBe(await host.bootId());
  expect(node.metadata.labels?.['kubernetes.io/hostname']).toBe(NODE);
  const lease = await until('a lease', () =>
    admin.find(leases, { namespace: 'kube-node-lease', name: NODE }),
  );
  expect(lease.spec?.holderIdentity).toBe(NODE);
  const csiNode = await until('a CSINode', () => admin.find(csiNodes, { name: NODE }));
  expect(csiNode.spec.drivers).toEqual([
    {
      name: DRIVER,
      nodeID: NODE,
      topologyKeys: ['topology.test.holdfast.dev/pool'],
      allocatable: { count: 7 },
    },
  ]);
  const labelled = await admin.get(nodes, { name: NODE });
  expect(labelled.metadata.labels?.['topology.test.holdfast.dev/pool']).toBe('one');
  await until('the notification', async () => calls.includes('notified true '));
});

test('AGT20 AGT23 AGT29 AGT33: a pod with local volumes runs, is deleted, and leaves nothing', async () => {
  await admin.create(configMaps, {
    metadata: { namespace: 'default', name: 'settings' },
    data: { colour: 'blue' },
  });
  await admin.create(secrets, {
    metadata: { namespace: 'default', name: 'key' },
    data: { token: Buffer.from('s3cret').toString('base64') },
  });
  const script = 'cat /c/colour /s/token > /e/out; echo $COLOUR >> /e/sub; echo hello; exec sleep 1000';
  await admin.create(
    pods,
    podObject('local', {
      containers: [
        {
          name: 'main',
          image: 'any',
          command: ['sh', '-c', script],
          env: [
            { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } },
            { name: 'TWICE', value: '$(COLOUR)$(COLOUR)' },
          ],
          volumeMounts: [
            { name: 'c', mountPath: '/c' },
            { name: 's', mountPath: '/s' },
            { name: 'e', mountPath: '/e' },
            { name: 'e', mountPath: '/part', subPath: 'a/b' },
          ],
        },
      ],
      volumes: [
        { name: 'c', configMap: { name: 'settings' } },
        { name: 's', secret: { secretName: 'key' } },
        { name: 'e', emptyDir: {} },
      ],
    }),
  );
  const pod = await podWhen('local', 'running', isRunning);
  const volume = `${root}/kubelet/pods/${pod.metadata.uid}/volumes/kubernetes.io~empty-dir/e`;
  await until(
    'the output',
    async () => (await readFile(`${volume}/out`, 'utf8').catch(() => '')) === 'blues3cret',
  );
  expect(pod.status?.containerStatuses?.[0]?.containerID).toMatch(/^holdfast:\/\//);
  expect(pod.status?.containerStatuses?.[0]?.imageID).toBe('');
  expect(pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
  await isQuiet('local');
  await admin.delete(pods, { namespace: 'default', name: 'local' });
  await until('the pod to be gone', async () => (await find('local')) === undefined);
  const table = await host.mounts.table();
  expect(table.filter(({ mountPoint }) => mountPoint.includes(pod.metadata.uid))).toEqual([]);
  expect(await realNodeEffects().tree.list(`${root}/kubelet/pods`)).toEqual([]);
});

async function makeClaim(): Promise<void> {
  await admin.create(csiDrivers, { metadata: { name: DRIVER }, spec: { attachRequired: true } });
  const claim = await admin.create(persistentVolumeClaims, {
    metadata: { namespace: 'default', name: 'data' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      volumeName: 'pv-1',
      storageClassName: '',
    },
  });
  await admin.create(persistentVolumes, {
    metadata: { name: 'pv-1' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      csi: { driver: DRIVER, volumeHandle: 'vol-1', fsType: 'ext4' },
      claimRef: {
        kind: 'PersistentVolumeClaim',
        namespace: 'default',
        name: 'data',
        uid: claim.metadata.uid,
      },
    },
  });
  const status = {
    phase: 'Bound' as const,
    accessModes: ['ReadWriteOnce' as const],
    capacity: { storage: '1Gi' },
  };
  await admin.updateStatus(persistentVolumeClaims, { ...claim, status });
}

/** What the attachment loop and the attacher do. */
async function attach(): Promise<void> {
  const attachment = await admin.create(volumeAttachments, {
    metadata: { name: attachmentName({ driver: DRIVER, volumeHandle: 'vol-1' }, NODE) },
    spec: { attacher: DRIVER, nodeName: NODE, source: { persistentVolumeName: 'pv-1' } },
  });
  const status = { attached: true, attachmentMetadata: { path: '/dev/x' } };
  await admin.updateStatus(volumeAttachments, { ...attachment, status });
  const patch = { status: { volumesAttached: [{ name: KEY, devicePath: '' }] } };
  await admin.patch(nodes, { name: NODE }, { type: 'merge', patch, subresource: 'status' });
}

test('AGT5 AGT6 AGT8 AGT9 AGT26 AGT14: a claim is attached, staged, published, kept over restarts, and taken down', async () => {
  await makeClaim();
  calls.length = 0;
  const script = 'echo line >> /data/f; while true; do sleep 0.1; done';
  const spec = {
    containers: [
      {
        name: 'main',
        image: 'any',
        command: ['sh', '-c', script],
        volumeMounts: [{ name: 'd', mountPath: '/data' }],
      },
    ],
    volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'data' } }],
  };
  await admin.create(pods, podObject('claimed', spec));
  await until('volumesInUse', async () =>
    (await admin.get(nodes, { name: NODE })).status?.volumesInUse?.includes(KEY),
  );
  expect(calls).toEqual([]);
  await attach();
  const pod = await podWhen('claimed', 'running', isRunning);
  expect(calls).toEqual(['stage {"path":"/dev/x"}', 'publish']);
  const target = `${root}/kubelet/pods/${pod.metadata.uid}/volumes/kubernetes.io~csi/pv-1/mount`;
  await until('the line', async () => (await readFile(`${target}/f`, 'utf8').catch(() => '')) === 'line\n');

  // The container is killed: it restarts on the same data.
  const id = pod.status?.containerStatuses?.[0]?.containerID?.slice('holdfast://'.length) ?? '';
  expect(id).not.toBe('');
  await killContainer(pod.metadata.uid);
  const restarted = await podWhen(
    'claimed',
    'restarted',
    (one) => isRunning(one) && one.status?.containerStatuses?.[0]?.restartCount === 1,
  );
  expect(restarted.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode).toBe(137);
  await until('two lines', async () => (await readFile(`${target}/f`, 'utf8')) === 'line\nline\n');

  // The agent ends and starts again: nothing is called, nothing is unmounted.
  const before = calls.length;
  const table = await host.mounts.table();
  await agent.stop();
  agent = startAgent();
  await admin.create(
    pods,
    podObject('marker', { containers: [{ name: 'm', image: 'x', command: ['sleep', '100'] }] }),
  );
  await podWhen('marker', 'running', isRunning);
  expect(calls.slice(before)).toEqual(['notified true ']);
  const mine = (all: typeof table) => all.filter(({ mountPoint }) => mountPoint.includes(pod.metadata.uid));
  expect(mine(await host.mounts.table())).toEqual(mine(table));
  expect((await find('claimed'))?.status?.containerStatuses?.[0]?.restartCount).toBe(1);

  calls.length = 0;
  await admin.delete(pods, { namespace: 'default', name: 'marker' });
  await admin.delete(pods, { namespace: 'default', name: 'claimed' });
  await until('the pods to be gone', async () => !(await find('claimed')) && !(await find('marker')));
  await until('unstage', async () => calls.includes('unstage'));
  expect(calls).toEqual(['unpublish', 'unstage']);
  await until(
    'volumesInUse to be empty',
    async () => ((await admin.get(nodes, { name: NODE })).status?.volumesInUse ?? []).length === 0,
  );
});

test('AGT88: a node that the driver finds full fails the pod and corrects its limit', async () => {
  calls.length = 0;
  slots = '3';
  const attachment = await admin.find(volumeAttachments, {
    name: attachmentName({ driver: DRIVER, volumeHandle: 'vol-1' }, NODE),
  });
  if (attachment !== undefined) await admin.delete(volumeAttachments, { name: attachment.metadata.name });
  await admin.patch(
    nodes,
    { name: NODE },
    { type: 'merge', patch: { status: { volumesAttached: [] } }, subresource: 'status' },
  );
  const spec = {
    containers: [
      {
        name: 'main',
        image: 'any',
        command: ['sleep', '100'],
        volumeMounts: [{ name: 'd', mountPath: '/data' }],
      },
    ],
    volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'data' } }],
  };
  await admin.create(pods, podObject('late', spec));
  const made = await admin.create(volumeAttachments, {
    metadata: { name: attachmentName({ driver: DRIVER, volumeHandle: 'vol-1' }, NODE) },
    spec: { attacher: DRIVER, nodeName: NODE, source: { persistentVolumeName: 'pv-1' } },
  });
  const attachError = { time: '2026-01-01T00:00:00Z', message: 'no slot is left', errorCode: 8 };
  await admin.updateStatus(volumeAttachments, { ...made, status: { attached: false, attachError } });
  const pod = await podWhen('late', 'rejected', (one) => one.status?.phase === 'Failed');
  expect([pod.status?.reason, pod.status?.message]).toEqual([
    'VolumeAttachmentLimitExceeded',
    'volume "pv-1" cannot be attached to this node: no slot is left',
  ]);
  await until(
    'the new limit',
    async () => (await admin.get(csiNodes, { name: NODE })).spec.drivers[0]?.allocatable?.count === 3,
  );
  expect(calls).toEqual([]);
  await admin.delete(pods, { namespace: 'default', name: 'late' });
  await until('the pod to be gone', async () => !(await find('late')));
  await admin.delete(volumeAttachments, { name: made.metadata.name });
});

test('AGT58: after all pods are gone neither directory nor record nor vol_data.json is left', async () => {
  await until('every record to be gone', async () => (await below('mount-records')).length === 0);
  expect(await below('pods')).toEqual([]);
  // The driver's own folder stays, as the kubelet leaves it.
  expect(await below('plugins')).toEqual([
    'kubernetes.io',
    'kubernetes.io/csi',
    `kubernetes.io/csi/${DRIVER}`,
  ]);
  expect((await host.mounts.table()).filter(({ mountPoint }) => mountPoint.startsWith(root))).toEqual([]);
});

const podDirectories = (): Promise<readonly string[]> => realNodeEffects().tree.list(`${root}/kubelet/pods`);

async function below(directory: string): Promise<string[]> {
  return (await readdir(`${root}/kubelet/${directory}`, { recursive: true })).sort();
}

test('AGT71 AGT73 AGT75: a pod with projected files, parts of them and an inline volume runs and leaves nothing', async () => {
  const spec = {
    attachRequired: true,
    podInfoOnMount: true,
    volumeLifecycleModes: ['Persistent', 'Ephemeral'],
  };
  await admin.delete(csiDrivers, { name: DRIVER });
  await admin.create(csiDrivers, { metadata: { name: DRIVER }, spec });
  calls.length = 0;
  const downwardAPI = { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] };
  const configMap = { name: 'settings', items: [{ key: 'colour', path: 'd/colour' }] };
  const script = 'cat /p/name /p/d/colour /part /one > /i/out; exec sleep 1000';
  await admin.create(
    pods,
    podObject('files', {
      containers: [
        {
          name: 'main',
          image: 'any',
          command: ['sh', '-c', script],
          volumeMounts: [
            { name: 'p', mountPath: '/p' },
            { name: 'p', mountPath: '/part', subPath: 'd/colour' },
            { name: 'c', mountPath: '/one', subPath: 'colour' },
            { name: 'i', mountPath: '/i' },
          ],
        },
      ],
      volumes: [
        { name: 'p', projected: { sources: [{ downwardAPI }, { configMap }] } },
        { name: 'c', configMap: { name: 'settings' } },
        { name: 'i', csi: { driver: DRIVER } },
      ],
    }),
  );
  const pod = await podWhen('files', 'running', isRunning);
  const { uid } = pod.metadata;
  expect(calls).toEqual([`inline csi-${sha256Hex(`${uid}i`)} in files ""`]);
  const out = `${root}/kubelet/pods/${uid}/volumes/kubernetes.io~csi/i/mount/out`;
  await until(
    'the output',
    async () => (await readFile(out, 'utf8').catch(() => '')) === 'filesblueblueblue',
  );
  await isQuiet('files');
  await admin.delete(pods, { namespace: 'default', name: 'files' });
  await until('the pod to be gone', async () => (await find('files')) === undefined);
  expect(calls.slice(1)).toEqual(['unpublish']);
  expect(await below('pods')).toEqual([]);
  expect(await below('mount-records')).toEqual([]);
});

test('AGT83: a pod that writes more than its emptyDir may hold is evicted', { timeout: 40_000 }, async () => {
  await admin.create(
    pods,
    podObject('greedy', {
      containers: [
        {
          name: 'main',
          image: 'any',
          command: ['sh', '-c', 'head -c 2000000 /dev/zero > /e/much; exec sleep 1000'],
          volumeMounts: [{ name: 'e', mountPath: '/e' }],
        },
      ],
      volumes: [{ name: 'e', emptyDir: { sizeLimit: '1Mi' } }],
    }),
  );
  const pod = await podWhen('greedy', 'evicted', (one) => one.status?.phase === 'Failed');
  expect(pod.status?.reason).toBe('Evicted');
  expect(pod.status?.message).toContain('Usage of EmptyDir volume "e" exceeds the limit "1Mi"');
  const volume = `${root}/kubelet/pods/${pod.metadata.uid}/volumes/kubernetes.io~empty-dir/e`;
  await until('its volume to be gone', async () => (await realNodeEffects().tree.kind(volume)) === undefined);
  expect(await find('greedy')).toBeDefined();
  await admin.delete(pods, { namespace: 'default', name: 'greedy' });
  await until('the pod to be gone', async () => (await find('greedy')) === undefined);
});

test('AGT82: a mount that vanished before a container starts is published again first', async () => {
  const volumeMounts = [{ name: 'i', mountPath: '/i' }];
  const spec = {
    initContainers: [{ name: 'first', image: 'any', command: ['sh', '-c', 'sleep 1'] }],
    containers: [
      { name: 'main', image: 'any', command: ['sh', '-c', 'echo in > /i/f; exec sleep 99'], volumeMounts },
    ],
    volumes: [{ name: 'i', csi: { driver: DRIVER } }],
  };
  calls.length = 0;
  await admin.create(pods, podObject('vanishing', spec));
  const { metadata } = await podWhen(
    'vanishing',
    'initializing',
    (one) => one.status?.initContainerStatuses?.[0]?.state?.running !== undefined,
  );
  const target = `${root}/kubelet/pods/${metadata.uid}/volumes/kubernetes.io~csi/i/mount`;
  await host.mounts.unmount(target);
  await podWhen('vanishing', 'running', isRunning);
  expect(calls.filter((call) => call.startsWith('inline'))).toHaveLength(2);
  await until('the file', async () => (await readFile(`${target}/f`, 'utf8').catch(() => '')) === 'in\n');
  await admin.delete(pods, { namespace: 'default', name: 'vanishing' });
  await until('the pod to be gone', async () => (await find('vanishing')) === undefined);
  expect(await below('pods')).toEqual([]);
});

test('AGT79 AGT80: readiness follows its probe, and a sick container is restarted', async () => {
  const script = 'trap "exit 0" TERM; while true; do sleep 0.1; done';
  const exec = { command: ['sh', '-c', 'test "$(cat /e/health)" = good'] };
  const probe = { exec, periodSeconds: 1, failureThreshold: 1 };
  await admin.create(
    pods,
    podObject('probed', {
      containers: [
        {
          name: 'main',
          image: 'any',
          command: ['sh', '-c', script],
          readinessProbe: probe,
          livenessProbe: { ...probe, initialDelaySeconds: 2 },
          volumeMounts: [{ name: 'e', mountPath: '/e' }],
        },
      ],
      volumes: [{ name: 'e', emptyDir: {} }],
    }),
  );
  const started = await podWhen('probed', 'running', (one) => one.status?.phase === 'Running');
  expect(started.status?.containerStatuses?.[0]).toMatchObject({ ready: false, started: true });
  const file = `${root}/kubelet/pods/${started.metadata.uid}/volumes/kubernetes.io~empty-dir/e/health`;
  await writeFile(file, 'good');
  await podWhen('probed', 'ready', isRunning);
  await writeFile(file, 'bad');
  const isRestarted = (one: Pod): boolean => one.status?.containerStatuses?.[0]?.restartCount === 1;
  await podWhen('probed', 'restarted', isRestarted);
  const said = (await admin.list(events, { namespace: 'default' })).items.map(({ message }) => message);
  expect(said).toContain('Container main failed liveness probe, will be restarted');
  await admin.delete(pods, { namespace: 'default', name: 'probed' });
  await until('the pod to be gone', async () => (await find('probed')) === undefined);
});

test('AGT57: what an unknown pod left is removed, unless something is mounted there', async () => {
  const left = `${root}/kubelet/pods/left-over/volumes/kubernetes.io~csi/pv`;
  const held = `${root}/kubelet/pods/held/volumes/kubernetes.io~csi/pv/mount`;
  await mkdir(`${left}/mount`, { recursive: true });
  await writeFile(`${left}/vol_data.json`, '{}');
  await mkdir(held, { recursive: true });
  await host.mounts.mount({ source: 'tmpfs', target: held, fsType: 'tmpfs', flags: [] });
  await writeFile(`${held}/precious`, 'kept');
  await agent.stop();
  agent = startAgent();
  await until('the first to be gone', async () => !(await podDirectories()).includes('left-over'));
  expect(await readFile(`${held}/precious`, 'utf8')).toBe('kept');
  await agent.stop();
  await host.mounts.unmount(held);
  agent = startAgent();
  await until('the second to be gone', async () => (await podDirectories()).length === 0);
});

test('AGT38: a pod of somebody else in the same runtime is left alone', async () => {
  const { connectRuntime } = await import('#runtime/cri-client.ts');
  await using cri = connectRuntime(grpc, `unix://${root}/cri.sock`);
  const config = {
    metadata: { name: 'foreign', namespace: 'other', uid: 'foreign', attempt: 0 },
    labels: { 'io.kubernetes.pod.uid': 'foreign' },
    logDirectory: `${root}/logs`,
  };
  const { podSandboxId } = await cri.runtime.runPodSandbox({ config }, { timeoutMs: 5000 });
  await agent.stop();
  agent = startAgent();
  await admin.create(
    pods,
    podObject('mine', { containers: [{ name: 'm', image: 'x', command: ['sleep', '9'] }] }),
  );
  await podWhen('mine', 'running', isRunning);
  await admin.delete(pods, { namespace: 'default', name: 'mine' });
  await until('the pod to be gone', async () => (await find('mine')) === undefined);
  const { items } = await cri.runtime.listPodSandbox({}, { timeoutMs: 5000 });
  expect(items.find(({ id }) => id === podSandboxId)?.state).toBe('SANDBOX_READY');
  await cri.runtime.stopPodSandbox({ podSandboxId }, { timeoutMs: 5000 });
  await cri.runtime.removePodSandbox({ podSandboxId }, { timeoutMs: 5000 });
});

test('AGT32 AGT13: a pod deleted by force is taken down when the API has forgotten it', async () => {
  const spec = {
    containers: [
      {
        name: 'main',
        image: 'any',
        command: ['sleep', '1000'],
        volumeMounts: [{ name: 'e', mountPath: '/e' }],
      },
    ],
    volumes: [{ name: 'e', emptyDir: { medium: 'Memory' as const } }],
  };
  await admin.create(pods, podObject('forced', spec));
  const pod = await podWhen('forced', 'running', isRunning);
  await admin.delete(pods, { namespace: 'default', name: 'forced' }, { gracePeriodSeconds: 0 });
  await until('its directory to be gone', async () => {
    const left = await realNodeEffects().tree.list(`${root}/kubelet/pods`);
    return !left.includes(pod.metadata.uid);
  });
});

async function killContainer(podUid: string): Promise<void> {
  const { connectRuntime } = await import('#runtime/cri-client.ts');
  await using cri = connectRuntime(grpc, `unix://${root}/cri.sock`);
  const filter = { labelSelector: { 'io.kubernetes.pod.uid': podUid } };
  const { containers } = await cri.runtime.listContainers({ filter }, { timeoutMs: 5000 });
  await cri.runtime.stopContainer(
    { containerId: containers[0]?.id ?? '', timeout: '0' },
    { timeoutMs: 5000 },
  );
}

test('AGT23: a pod that only a real image can run says so', async () => {
  await admin.create(pods, podObject('bare', { containers: [{ name: 'main', image: 'nginx' }] }));
  const pod = await podWhen('bare', 'waiting', (one) =>
    ['CreateContainerError', 'RunContainerError'].includes(
      one.status?.containerStatuses?.[0]?.state?.waiting?.reason ?? '',
    ),
  );
  expect(pod.status?.phase).toBe('Pending');
  expect(pod.status?.containerStatuses?.[0]?.state?.waiting?.message).toContain('command');
  await admin.delete(pods, { namespace: 'default', name: 'bare' });
  await until('the pod to be gone', async () => (await find('bare')) === undefined);
});

test('AGT25: a pod with restartPolicy Never succeeds, with its message', async () => {
  const command = ['sh', '-c', 'printf done > /dev/termination-log'];
  await admin.create(
    pods,
    podObject('once', {
      restartPolicy: 'Never',
      initContainers: [{ name: 'first', image: 'any', command: ['true'] }],
      containers: [{ name: 'main', image: 'any', command }],
    }),
  );
  const pod = await podWhen('once', 'succeeded', (one) => one.status?.phase === 'Succeeded');
  expect(pod.status?.containerStatuses?.[0]?.state?.terminated?.message).toBe('done');
  expect(pod.status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode).toBe(0);
  await admin.delete(pods, { namespace: 'default', name: 'once' });
  await until('the pod to be gone', async () => (await find('once')) === undefined);
});
