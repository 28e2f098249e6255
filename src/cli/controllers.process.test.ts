// The loops as processes of their own against an API server without any: two candidates, kill -9 of the leader, and what
// the command line refuses. Needs dist (npm run build).
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { servedKinds } from '#api/kinds/index.ts';
import {
  leases,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import { realClock } from '#base/real/clock.ts';
import { realRandom } from '#base/real/random.ts';
import type { ApiClient } from '#client/api-client.ts';
import { inProcessClient } from '#client/in-process.ts';
import { openCredentials } from '#compose/credentials.ts';
import { layoutOf } from '#compose/layout.ts';
import { realFiles } from '#files/real/files.ts';
import { realKeys } from '#pki/real/keys.ts';
import { createApiServer } from '#server/server.ts';
import { memoryStore } from '#store/memory.ts';
import { newDataDirectory, removeDataDirectory, until } from '#testing/e2e/holdfast-process.ts';
import { ScriptedCsi } from '#testing/simulation/scripted-csi.ts';
import { realGrpc } from '#transport/real/grpc.ts';
import { realHttp } from '#transport/real/http.ts';

const clock = realClock();
const dataDir = newDataDirectory();
const layout = layoutOf(dataDir);
const socket = `${dataDir}/csi.sock`;
const driver = new ScriptedCsi({ clock });
const NAMES = Array.from({ length: 12 }, (_, at) => `claim-${at}`);
let api: ApiClient;
const disposables = new AsyncDisposableStack();

beforeAll(async () => {
  mkdirSync(layout.pki, { recursive: true });
  const names = { layout, hostName: hostname(), nodeName: 'node-1' };
  const credentials = await openCredentials({ files: realFiles(), clock, keys: realKeys() }, names);
  const server = disposables.use(
    await createApiServer({
      clock,
      random: realRandom(),
      log: silentLog,
      store: memoryStore(),
      kinds: servedKinds,
      versionInfo: { major: '1', minor: '36', gitVersion: 'v1.36.0' },
    }),
  );
  const listener = disposables.use(
    await realHttp().listen({
      host: '127.0.0.1',
      port: 0,
      tls: credentials.server,
      ...server.http,
    }),
  );
  await credentials.writeKubeconfigs(`https://127.0.0.1:${listener.port}`);
  disposables.use(await driver.serve(realGrpc(), socket));
  api = inProcessClient(server.handler, 'test');
  const provisioner = driver.traits.name;
  await api.create(storageClasses, {
    metadata: { name: 'fast' },
    provisioner,
    volumeBindingMode: 'Immediate',
  });
});

afterAll(async () => {
  await disposables.disposeAsync();
  await removeDataDirectory(dataDir);
});

const children: ChildProcess[] = [];

// A test that failed half-way leaves nothing running.
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface Loops {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly errors: () => string;
  readonly exit: Promise<number | null>;
}

function start(args: readonly string[]): Loops {
  const child = spawn(process.execPath, ['dist/holdfast.mjs', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let out = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { child, out: () => out, errors: () => errors, exit };
}

const ELECTION = [
  '--leader-elect',
  '--leader-elect-lease-duration=2s',
  '--leader-elect-renew-deadline=1500ms',
  '--leader-elect-retry-period=200ms',
];
const candidate = (): Loops =>
  start([
    'controllers',
    '--kubeconfig',
    layout.kubeconfig,
    '--driver',
    `unix://${socket}`,
    '--metrics-bind-address=127.0.0.1:0',
    ...ELECTION,
  ]);

async function makeClaims(names: readonly string[]): Promise<void> {
  for (const name of names) {
    await api.create(persistentVolumeClaims, {
      metadata: { namespace: 'default', name },
      spec: {
        storageClassName: 'fast',
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
      },
    });
  }
}

async function boundCount(): Promise<number> {
  const { items } = await api.list(persistentVolumeClaims, { namespace: 'default' });
  return items.filter(({ status }) => status?.phase === 'Bound').length;
}

async function holders(): Promise<Readonly<Record<string, string>>> {
  const { items } = await api.list(leases, { namespace: 'kube-system' });
  return Object.fromEntries(items.map(({ metadata, spec }) => [metadata.name, spec?.holderIdentity ?? '']));
}

async function metricsOf({ out }: Loops): Promise<string> {
  const url = await until('the address of the metrics', () => /http:\S+\/metrics/.exec(out())?.[0]);
  return await (await fetch(url)).text();
}

test('CMP4 CMP12 CMP13: one of two processes works; after kill -9 the other takes over, and no volume is made twice', async () => {
  const first = candidate();
  const driverLease = driver.traits.name.replace(/[^a-zA-Z0-9-]/g, '-');
  const ours = [
    'holdfast-controllers',
    'snapshot-controller-leader',
    driverLease,
    `external-attacher-leader-${driverLease}`,
    `external-resizer-${driverLease}`,
    `external-snapshotter-leader-${driverLease}`,
  ];
  const taken = async (): Promise<Readonly<Record<string, string>> | undefined> => {
    const all = await holders();
    return ours.every((name) => (all[name] ?? '') !== '') ? all : undefined;
  };
  const before = await until('every Lease to be held', taken);
  const identities = new Set(ours.map((name) => before[name]));
  expect(identities.size).toBe(1);
  expect([...identities][0]).toMatch(/_[0-9a-f-]{36}$/);
  const second = candidate();
  await until('the second to run', () => (second.out().includes('The loops run') ? true : undefined));
  await makeClaims(NAMES.slice(0, 6));
  // Killed in the middle: volumes are being made, and the last has not been seen by anybody.
  await until('the first volume', () => (driver.callsOf('createVolume').length > 0 ? true : undefined));
  first.child.kill('SIGKILL');
  await first.exit;
  await makeClaims(NAMES.slice(6));
  await until('every claim to be bound', async () =>
    (await boundCount()) === NAMES.length ? true : undefined,
  );
  const { items: volumes } = await api.list(persistentVolumes);
  expect(volumes).toHaveLength(NAMES.length);
  const handles = volumes.map(({ spec }) => spec?.csi?.volumeHandle);
  expect(new Set(handles).size).toBe(NAMES.length);
  const made = new Set(
    driver
      .callsOf('createVolume')
      .flatMap(({ effects }) => effects.map(({ reply }) => JSON.stringify(reply))),
  );
  expect(made.size).toBe(NAMES.length);
  const after = await until('the second to hold every Lease', async () => {
    const all = await taken();
    return all !== undefined && ours.every((name) => all[name] !== before[name]) ? all : undefined;
  });
  expect(new Set(ours.map((name) => after[name])).size).toBe(1);
  const text = await metricsOf(second);
  for (const line of [
    'leader_election_master_status{name="holdfast-controllers"} 1',
    'pv_collector_bound_pv_count{storage_class="fast"} 12',
    'pv_collector_bound_pvc_count{namespace="default",storage_class="fast",volume_attributes_class=""} 12',
    `pv_collector_total_pv_count{plugin_name="kubernetes.io/csi:${driver.traits.name}",volume_mode="Filesystem"} 12`,
    'workqueue_depth{name="binding"} 0',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
  expect(text).toMatch(
    /^csi_sidecar_operations_seconds_count\{.*"\/csi.v1.Controller\/CreateVolume",grpc_status_code="OK"\} [1-9]/m,
  );
  second.child.kill('SIGTERM');
  expect(await second.exit).toBe(0);
  expect(
    Object.entries(await holders()).filter(([name, holder]) => ours.includes(name) && holder !== ''),
  ).toEqual([]);
});

test('CMP14: a leader that was held up loses its Leases, begins anew, and works again when it leads again', async () => {
  const first = candidate();
  const of = async (name: string): Promise<string> => (await holders())[name] ?? '';
  const before = await until(
    'the first to lead',
    async () => (await of('holdfast-controllers')) || undefined,
  );
  const second = candidate();
  await until('the second to run', () => (second.out().includes('The loops run') ? true : undefined));
  first.child.kill('SIGSTOP');
  await until('the second to lead', async () => {
    const holder = await of('holdfast-controllers');
    return holder !== '' && holder !== before ? true : undefined;
  });
  first.child.kill('SIGCONT');
  await until('the first to begin anew', () =>
    first.errors().includes('beginning anew') ? true : undefined,
  );
  second.child.kill('SIGTERM');
  expect(await second.exit).toBe(0);
  const bound = await boundCount();
  await makeClaims(['afterwards']);
  await until('its claim to be bound', async () => ((await boundCount()) > bound ? true : undefined));
  expect(await of('holdfast-controllers')).toBe(before);
  first.child.kill('SIGTERM');
  expect(await first.exit).toBe(0);
});

test('CMP5: with --node-deployment the provisioner of this node works alone, and holds no Lease', async () => {
  await api.create(nodes, { metadata: { name: 'worker-1' } });
  await api.create(storageClasses, {
    metadata: { name: 'late' },
    provisioner: driver.traits.name,
    volumeBindingMode: 'WaitForFirstConsumer',
  });
  const claimFor = async (node: string): Promise<string> => {
    const { metadata } = await api.create(persistentVolumeClaims, {
      metadata: {
        namespace: 'default',
        name: `for-${node}`,
        annotations: {
          'volume.kubernetes.io/selected-node': node,
          'volume.kubernetes.io/storage-provisioner': driver.traits.name,
        },
      },
      spec: {
        storageClassName: 'late',
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
      },
    });
    return `pvc-${metadata.uid}`;
  };
  const others = await claimFor('worker-2');
  const own = await claimFor('worker-1');
  const args = ['--driver', socket, '--node-deployment', '--node-name', 'worker-1', ...ELECTION];
  const loops = start(['controllers', '--kubeconfig', layout.kubeconfig, ...args]);
  await until('the volume', () => api.find(persistentVolumes, { name: own }));
  expect(await api.find(persistentVolumes, { name: others })).toBeUndefined();
  expect(Object.values(await holders()).filter((holder) => holder !== '')).toEqual([]);
  loops.child.kill('SIGTERM');
  expect(await loops.exit).toBe(0);
});

test('CMP4: the scheduler alone places pods under the Lease of the stock one', async () => {
  const node = await api.create(nodes, { metadata: { name: 'ready' } });
  const allocatable = { cpu: '1', memory: '1Gi', pods: '10' };
  const conditions = [{ type: 'Ready', status: 'True' as const }];
  await api.updateStatus(nodes, { ...node, status: { allocatable, conditions } });
  const name = { namespace: 'default', name: 'placed' };
  await api.create(pods, { metadata: name, spec: { containers: [{ name: 'c', image: 'i' }] } });
  const loops = start(['scheduler', '--kubeconfig', layout.kubeconfig, ...ELECTION]);
  await until('the pod to have a node', async () => (await api.get(pods, name)).spec?.nodeName);
  expect(Object.entries(await holders()).filter(([, holder]) => holder !== '')).toEqual([
    ['kube-scheduler', expect.stringContaining(`${hostname()}_`)],
  ]);
  loops.child.kill('SIGTERM');
  expect(await loops.exit).toBe(0);
});

test('CMP2: beside a live kube-controller-manager the command refuses, in one line', async () => {
  const stock = { namespace: 'kube-system', name: 'kube-controller-manager' };
  const spec = { holderIdentity: 'kcm-1', leaseDurationSeconds: 15 };
  let lease = await api.create(leases, { metadata: stock, spec });
  const loops = start(['controllers', '--kubeconfig', layout.kubeconfig, '--controllers', 'snapshots,*']);
  let isOver = false;
  const code = loops.exit.then((exit) => ((isOver = true), exit));
  await until('the refusal', async () => {
    lease = await api.update(leases, {
      ...lease,
      spec: { ...spec, leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + 1 },
    });
    return isOver ? true : undefined;
  });
  expect([await code, loops.errors().split('\n').at(-2)]).toEqual([
    75,
    expect.stringContaining('the kube-controller-manager "kcm-1" is live'),
  ]);
  await api.delete(leases, stock);
});

test.each([
  { why: 'an unknown loop', args: ['--controllers', 'bindin'], code: 2, says: 'loop "bindin" is unknown' },
  {
    why: 'no name of the node',
    args: ['--node-deployment'],
    code: 2,
    says: '--node-deployment needs --node-name',
  },
  {
    why: 'a wrong duration',
    args: ['--leader-elect-lease-duration', '15'],
    code: 2,
    says: 'a duration is written as',
  },
  {
    why: 'an unknown gate',
    args: ['--feature-gates', 'X=true'],
    code: 2,
    says: 'feature gate "X" is unknown',
  },
])('CMP1 CMP5: wrong usage is said: $why', async ({ args, code, says }) => {
  const loops = start(['controllers', '--kubeconfig', layout.kubeconfig, ...args]);
  expect([await loops.exit, loops.errors()]).toEqual([code, expect.stringContaining(says)]);
});

/** Commands in a text, as they stand there; names of files and sockets are those of this test. */
function examplesIn(text: string): readonly string[] {
  return [...text.matchAll(/^(?: {2}|npx )holdfast ((?:controllers|scheduler) --kubeconfig .*)$/gm)].map(
    ([, args = '']) =>
      args
        .replace(/admin\.conf|node\.conf/, layout.kubeconfig)
        .replace('/run/csi/csi.sock', socket)
        .replace(/127\.0\.0\.1:\d+/, '127.0.0.1:0'),
  );
}

test('CMP4 CMP5: every example of the help and of docs/running.md runs', async () => {
  const help = [start(['controllers', '--help']), start(['scheduler', '--help'])];
  expect(await Promise.all(help.map(({ exit }) => exit))).toEqual([0, 0]);
  const texts = [...help.map(({ out }) => out()), readFileSync('docs/running.md', 'utf8')];
  const examples = texts.map(examplesIn);
  expect(examples.map(({ length }) => length)).toEqual([3, 2, 4]);
  for (const args of examples.flat()) {
    const loops = start(args.split(' '));
    await until(args, () => {
      if (loops.child.exitCode !== null) throw new Error(`${args}: ${loops.errors()}`);
      return loops.out().includes('The loops run') ? true : undefined;
    });
    loops.child.kill('SIGTERM');
    expect([await loops.exit, args, loops.errors()]).toEqual([
      0,
      args,
      expect.not.stringContaining('stopped'),
    ]);
  }
});

test('CMP3: a server that does not answer is said, with the code for what is missing', async () => {
  const path = `${dataDir}/nowhere`;
  writeFileSync(
    path,
    JSON.stringify({
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'c' } }],
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
      users: [{ name: 'c', user: {} }],
    }),
  );
  const loops = start(['scheduler', '--kubeconfig', path]);
  expect([await loops.exit, loops.errors()]).toEqual([
    69,
    expect.stringContaining('Cannot work for the API server'),
  ]);
});
