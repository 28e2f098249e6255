// Registration over an in-memory gRPC transport and the real API server in memory.
import { expect, test } from 'vitest';
import { csiNodes, nodes } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import type { ApiClient } from '#client/api-client.ts';
import { createApiClient } from '#client/create-client.ts';
import { serveRegistration } from '#csi/registration.ts';
import { serveDriver } from '#csi/serve.ts';
import { ADMIN, testServer } from '#testing/api-server.ts';
import { seededRandom } from '#testing/seeded-random.ts';
import type { VirtualClock } from '#testing/virtual-clock.ts';
import type { GrpcTransport } from '#transport/grpc.ts';
import { memoryGrpc } from '#transport/memory-grpc.ts';
import { NodeWriter } from '../node/node-writer.ts';
import { DriverRegistry } from './driver-registry.ts';
import { PluginWatcher } from './plugin-watcher.ts';
import type { SocketEntry } from './socket-directory.ts';

interface Fixture {
  readonly api: ApiClient;
  readonly clock: VirtualClock;
  readonly grpc: GrpcTransport;
  readonly drivers: DriverRegistry;
  readonly told: string[];
  /** Puts the sockets into the registry and lets the watcher work. */
  show(...entries: readonly SocketEntry[]): Promise<void>;
  plugin(socket: string, driver: string): Promise<void>;
  stop(): Promise<void>;
}

async function fixture(): Promise<Fixture> {
  const { server, clock } = await testServer();
  const api = createApiClient(server.handler, ADMIN);
  const grpc = memoryGrpc(clock);
  const drivers = new DriverRegistry();
  const told: string[] = [];
  let entries: readonly SocketEntry[] = [];
  let changed = (): void => undefined;
  const node = new NodeWriter({
    clock,
    api,
    identity: {
      nodeName: 'node-1',
      internalIp: '127.0.0.1',
      agentPort: 1,
      agentVersion: '',
      runtimeVersion: '',
      bootId: '',
    },
    facts: {
      cpuCount: 1,
      memoryBytes: 1n,
      ephemeralStorageBytes: 1n,
      hostname: '',
      kernelVersion: '',
      osImage: '',
      machineId: '',
      systemUuid: '',
      architecture: 'amd64',
    },
    readiness: () => ({ isReady: true, message: '' }),
    volumesInUse: () => [],
  });
  await node.reconcile(new AbortController().signal);
  const over = new AbortController();
  const watcher = new PluginWatcher({
    clock,
    random: seededRandom(1),
    log: silentLog,
    api,
    grpc,
    sockets: {
      prepare: async () => undefined,
      list: async () => entries,
      watch: (_path, callback) => {
        changed = callback;
        return { [Symbol.dispose]: () => undefined };
      },
    },
    directory: '/r',
    drivers,
    node,
  });
  const running = watcher.run(over.signal);
  await clock.advance(1);
  return {
    api,
    clock,
    grpc,
    drivers,
    told,
    async show(...now) {
      entries = now;
      changed();
      await clock.advance(200);
    },
    async plugin(socket, driver) {
      await serveDriver(grpc, `/d/${socket}`, {
        identity: {
          getPluginInfo: async () => ({ name: driver, vendorVersion: '1' }),
          getPluginCapabilities: async () => ({ capabilities: [] }),
          probe: async () => ({}),
        },
        node: {
          nodeGetInfo: async () => ({
            nodeId: `id-of-${socket}`,
            maxVolumesPerNode: '0',
            accessibleTopology: { segments: { 'topology.example.org/zone': 'a' } },
          }),
          nodeGetCapabilities: async () => ({ capabilities: [{ rpc: { type: 'STAGE_UNSTAGE_VOLUME' } }] }),
        },
      });
      await serveRegistration(grpc, `/r/${socket}`, {
        name: driver,
        endpoint: `/d/${socket}`,
        supportedVersions: ['1.0.0'],
        notified: (status) => void told.push(`${socket} ${status.pluginRegistered} ${status.error}`),
      });
    },
    async stop() {
      over.abort();
      await clock.advance(1);
      await running;
    },
  };
}

const socket = (name: string, identity = '1', uid = 0): SocketEntry => ({ name, identity, uid });

test('AGT43 AGT44: a plugin is asked, written and told; gone, it is taken out', async () => {
  const world = await fixture();
  await world.plugin('a.sock', 'a.example.org');
  await world.show(socket('a.sock'));
  expect(world.told).toEqual(['a.sock true ']);
  expect(world.drivers.get('a.example.org')?.capabilities.has('STAGE_UNSTAGE_VOLUME')).toBe(true);
  const stored = await world.api.get(csiNodes, { name: 'node-1' });
  expect(stored.spec.drivers).toEqual([
    { name: 'a.example.org', nodeID: 'id-of-a.sock', topologyKeys: ['topology.example.org/zone'] },
  ]);
  const node = await world.api.get(nodes, { name: 'node-1' });
  expect(node.metadata.labels?.['topology.example.org/zone']).toBe('a');
  await world.show();
  expect(world.drivers.get('a.example.org')).toBeUndefined();
  expect((await world.api.get(csiNodes, { name: 'node-1' })).spec.drivers).toEqual([]);
  await world.stop();
});

test('AGT44: a replaced socket is registered again', async () => {
  const world = await fixture();
  await world.plugin('a.sock', 'a.example.org');
  await world.show(socket('a.sock'));
  await world.show(socket('a.sock', '2'));
  expect(world.told).toHaveLength(2);
  await world.stop();
});

test('AGT45: a socket of another user is not even asked', async () => {
  const world = await fixture();
  await world.plugin('a.sock', 'a.example.org');
  await world.show(socket('a.sock', '1', 1000));
  expect(world.told).toEqual([]);
  expect(world.drivers.get('a.example.org')).toBeUndefined();
  await world.stop();
});

test('AGT46: a second socket of a live driver is refused', async () => {
  const world = await fixture();
  await world.plugin('a.sock', 'a.example.org');
  await world.plugin('b.sock', 'a.example.org');
  await world.show(socket('a.sock'));
  await world.show(socket('a.sock'), socket('b.sock'));
  expect(world.drivers.get('a.example.org')?.socket).toBe('a.sock');
  expect(world.told[1]).toContain('b.sock false Driver "a.example.org" is already registered');
  await world.stop();
});
