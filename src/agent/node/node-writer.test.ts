// The Node, its Lease and what counts as stored, against the real API server in memory.
import { expect, test } from 'vitest';
import { leases, nodes } from '#api/resources.ts';
import { silentLog } from '#base/log.ts';
import type { ApiClient } from '#client/api-client.ts';
import { ApiError } from '#client/api-error.ts';
import { createApiClient } from '#client/create-client.ts';
import { nodeUser, type TestServer, testServer } from '#testing/api-server.ts';
import { runHeartbeat } from './heartbeat.ts';
import { NodeWriter } from './node-writer.ts';
import { scopedToNode } from './node-scope.ts';

const signal = new AbortController().signal;
const facts = {
  cpuCount: 2,
  memoryBytes: 1n << 30n,
  ephemeralStorageBytes: 1n << 34n,
  hostname: 'host',
  kernelVersion: '6.18',
  osImage: 'Linux',
  machineId: 'm',
  systemUuid: 's',
  architecture: 'amd64',
};
const identity = {
  nodeName: 'node-1',
  internalIp: '127.0.0.1',
  agentPort: 10250,
  agentVersion: 'v1',
  runtimeVersion: 'holdfast://1',
  bootId: 'boot',
};

interface Fixture {
  readonly server: TestServer;
  readonly api: ApiClient;
  readonly node: NodeWriter;
  inUse: readonly string[];
  losesAnswers: boolean;
}

async function fixture(): Promise<Fixture> {
  const server = await testServer();
  const real = createApiClient(server.server.handler, nodeUser('node-1'));
  const api: ApiClient = {
    ...scopedToNode(real, 'node-1'),
    patch: async (type, name, patch) => {
      const written = await real.patch(type, name, patch);
      if (made.losesAnswers) throw ApiError.noAnswer('patching', new Error('cut'));
      return written;
    },
  };
  const node = new NodeWriter({
    clock: server.clock,
    api,
    identity,
    facts,
    readiness: () => ({ isReady: true, message: 'ready' }),
    volumesInUse: () => made.inUse,
  });
  const made: Fixture = { server, api, node, inUse: [], losesAnswers: false };
  return made;
}

async function settle({ node }: Fixture): Promise<number> {
  for (let passes = 1; passes < 10; passes++) {
    if ((await node.reconcile(signal)).kind === 'settled') return passes;
  }
  throw new Error('never settled');
}

test('AGT40 AGT76: the Node is made and stated, and a second pass writes nothing', async () => {
  const world = await fixture();
  await settle(world);
  const { status, metadata } = await world.api.get(nodes, { name: 'node-1' });
  expect(metadata.labels?.['kubernetes.io/arch']).toBe('amd64');
  expect(metadata.annotations?.['holdfast.dev/honours-boot-id']).toBe('true');
  expect(status?.capacity).toMatchObject({ cpu: '2', memory: '1Gi', pods: '110' });
  expect(status?.nodeInfo?.bootID).toBe('boot');
  expect(status?.daemonEndpoints?.kubeletEndpoint?.Port).toBe(10250);
  expect(await settle(world)).toBe(1);
});

test('AGT5 AGT42: a volume counts as in use once stored, and not after a lost answer', async () => {
  const world = await fixture();
  await settle(world);
  world.inUse = ['v'];
  expect(world.node.isInUse('v')).toBe(false);
  world.losesAnswers = true;
  await expect(world.node.reconcile(signal)).rejects.toThrow('no answer');
  expect(world.node.isInUse('v')).toBe(false);
  world.losesAnswers = false;
  await settle(world);
  expect(world.node.isInUse('v')).toBe(true);
  expect((await world.api.get(nodes, { name: 'node-1' })).status?.volumesInUse).toEqual(['v']);
  world.inUse = [];
  await settle(world);
  expect(world.node.isInUse('v')).toBe(false);
});

test('AGT41: the lease is made and renewed', async () => {
  const world = await fixture();
  await settle(world);
  const over = new AbortController();
  const { clock } = world.server;
  const running = runHeartbeat({ clock, log: silentLog, api: world.api, node: world.node }, over.signal);
  const read = () => world.api.find(leases, { namespace: 'kube-node-lease', name: 'node-1' });
  await clock.advance(1);
  const first = await read();
  await clock.advance(10_001);
  const second = await read();
  over.abort();
  await clock.advance(1);
  await running;
  expect(first?.metadata.ownerReferences?.[0]?.kind).toBe('Node');
  expect(second?.spec?.renewTime).not.toBe(first?.spec?.renewTime);
});
