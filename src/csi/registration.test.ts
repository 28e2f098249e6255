import { describe, expect, it } from 'vitest';
import { realClock } from '#base/real/clock.ts';
import { memoryGrpc } from '#transport/memory-grpc.ts';
import type { RegistrationStatus } from './generated/plugin-registration.ts';
import { connectRegistration, serveRegistration } from './registration.ts';

const NOW = { timeoutMs: 5000 };
const SOCKET = '/reg/a.test-reg.sock';

describe('plugin registration', () => {
  it('CSI6: answers GetInfo and hears whether it was taken', async () => {
    const grpc = memoryGrpc(realClock());
    const heard: RegistrationStatus[] = [];
    await serveRegistration(grpc, SOCKET, {
      name: 'a.test',
      endpoint: '/plugins/a.test/csi.sock',
      supportedVersions: ['1.0.0'],
      notified: (status) => heard.push(status),
    });
    await using connection = connectRegistration(grpc, SOCKET);
    expect(await connection.getInfo(NOW)).toEqual({
      type: 'CSIPlugin',
      name: 'a.test',
      endpoint: '/plugins/a.test/csi.sock',
      supportedVersions: ['1.0.0'],
    });
    await connection.notify({ pluginRegistered: false, error: 'taken' }, NOW);
    expect(heard).toEqual([{ pluginRegistered: false, error: 'taken' }]);
  });

  it.each([
    { name: '../../etc', endpoint: '/a.sock' },
    { name: 'a..b', endpoint: '/a.sock' },
    { name: '', endpoint: '/a.sock' },
    { name: 'x'.repeat(64), endpoint: '/a.sock' },
    { name: 'a.test', endpoint: 'csi.sock' },
  ])('CSI7: refuses the name $name at $endpoint', async ({ name, endpoint }) => {
    const grpc = memoryGrpc(realClock());
    await serveRegistration(grpc, SOCKET, {
      name,
      endpoint,
      supportedVersions: [],
      notified: () => undefined,
    });
    await using connection = connectRegistration(grpc, SOCKET);
    await expect(connection.getInfo(NOW)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
