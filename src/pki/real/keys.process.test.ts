import { connect, createServer, type TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { memoryFiles } from '#files/memory.ts';
import { realClock } from '#base/real/clock.ts';
import { openAuthority } from '../authority.ts';
import { ADMIN_PROFILE, serverProfile } from '../profiles.ts';
import { realKeys } from './keys.ts';

test('PKI1: a fresh authority signs certificates that both sides of a TLS connection accept', async () => {
  const authority = await openAuthority(
    { files: memoryFiles(), keys: realKeys(), clock: realClock() },
    '/pki',
  );
  const server = await authority.identity('server', serverProfile('box'));
  const client = await authority.identity('admin', ADMIN_PROFILE);
  const subject = await new Promise((resolve, reject) => {
    const listener = createServer(
      {
        cert: server.certificate,
        key: server.privateKey,
        ca: authority.certificate,
        requestCert: true,
        rejectUnauthorized: true,
      },
      (socket: TLSSocket) => {
        resolve(socket.getPeerCertificate().subject);
        socket.end();
        listener.close();
      },
    );
    listener.once('tlsClientError', reject);
    listener.listen(0, '127.0.0.1', () => {
      const address = listener.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const tls = { cert: client.certificate, key: client.privateKey, ca: authority.certificate };
      connect({ host: '127.0.0.1', port, ...tls })
        .on('error', reject)
        .resume();
    });
  });
  expect(subject).toMatchObject({ CN: 'holdfast-admin', O: 'system:masters' });
});
