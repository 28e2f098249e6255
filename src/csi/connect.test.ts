import { describe, expect, it } from 'vitest';
import { realClock } from '#base/real/clock.ts';
import { memoryGrpc } from '#transport/memory-grpc.ts';
import type { CsiConnection } from './client.ts';
import { connectDriver } from './connect.ts';
import { CsiError } from './csi-error.ts';
import { type DriverHandlers, serveDriver } from './serve.ts';

const SOCKET = '/run/test/csi.sock';
const NOW = { timeoutMs: 5000 };
const identity: DriverHandlers['identity'] = {
  getPluginInfo: async () => ({ name: 'a.test' }),
  getPluginCapabilities: async () => ({}),
  probe: async () => ({ ready: { value: true } }),
};

async function driver(
  handlers: Omit<DriverHandlers, 'identity'> & Partial<DriverHandlers>,
): Promise<CsiConnection> {
  const grpc = memoryGrpc(realClock());
  await serveDriver(grpc, SOCKET, { identity, ...handlers });
  return connectDriver(grpc, `unix://${SOCKET}`);
}

describe('a connection to a driver', () => {
  it('CSI1: sends sparse requests and gives full replies', async () => {
    const seen: unknown[] = [];
    const csi = await driver({
      controller: {
        createVolume: async (request) => {
          seen.push(request);
          return { volume: { volumeId: 'vol-1', capacityBytes: '5' } };
        },
      },
    });
    const reply = await csi.controller.createVolume({ name: 'a', parameters: { k: 'v' } }, NOW);
    expect(seen).toMatchObject([{ name: 'a', parameters: { k: 'v' }, secrets: {}, capacityRange: null }]);
    expect(reply.volume).toEqual({
      volumeId: 'vol-1',
      capacityBytes: '5',
      volumeContext: {},
      contentSource: null,
      accessibleTopology: [],
    });
    expect((await csi.identity.probe({}, NOW)).ready).toEqual({ value: true });
  });

  it('CSI1: a method or service without handler is UNIMPLEMENTED', async () => {
    const csi = await driver({ controller: {} });
    await expect(csi.controller.listVolumes({}, NOW)).rejects.toMatchObject({
      code: 'UNIMPLEMENTED',
      certainty: 'final',
    });
    await expect(csi.node.nodeGetInfo({}, NOW)).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
  });

  it('CSI2: keeps the code and message of a CsiError', async () => {
    const csi = await driver({
      controller: { deleteVolume: () => Promise.reject(new CsiError('FAILED_PRECONDITION', 'in use')) },
    });
    const call = csi.controller.deleteVolume({ volumeId: 'x' }, NOW);
    await expect(call).rejects.toBeInstanceOf(CsiError);
    await expect(call).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: 'in use',
      certainty: 'final',
    });
  });

  it('CSI2: anything else that a handler throws is INTERNAL and uncertain', async () => {
    const csi = await driver({ controller: { deleteVolume: () => Promise.reject(new Error('bug')) } });
    const call = csi.controller.deleteVolume({ volumeId: 'x' }, NOW);
    await expect(call).rejects.toMatchObject({ name: 'CsiError', code: 'INTERNAL', certainty: 'uncertain' });
  });

  it('CSI3: refuses a reply that breaks the limits of the specification', async () => {
    const csi = await driver({
      controller: { createVolume: async () => ({ volume: { volumeId: 'v'.repeat(129) } }) },
    });
    await expect(csi.controller.createVolume({ name: 'a' }, NOW)).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('"volumeId" has 129 bytes'),
    });
  });
});
