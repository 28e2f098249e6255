import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { memoryFiles } from '#files/memory.ts';
import type { Files } from '#files/files.ts';
import { virtualClock } from '#testing/virtual-clock.ts';
import { AuthorityDamagedError, openAuthority } from './authority.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { ADMIN_PROFILE, clientProfile, nodeProfile, serverProfile } from './profiles.ts';
import { realKeys } from './real/keys.ts';

const DAY_MS = 24 * 3600 * 1000;

async function world() {
  const files = memoryFiles();
  let writes = 0;
  const counting: Files = { ...bound(files), write: (...args) => (writes++, files.write(...args)) };
  const deps = { files: counting, keys: realKeys(), clock: virtualClock() };
  return { deps, files, open: () => openAuthority(deps, '/pki'), writes: () => writes };
}

function bound(files: Files): Files {
  return {
    read: (path) => files.read(path),
    write: (...args) => files.write(...args),
    remove: (path) => files.remove(path),
    removeDirectory: (path) => files.removeDirectory(path),
    makeDirectory: (...args) => files.makeDirectory(...args),
    list: (path) => files.list(path),
    exists: (path) => files.exists(path),
    lock: (path) => files.lock(path),
  };
}

describe('certificates', () => {
  test('PKI2: the server certificate names this machine in every way it is reached', async () => {
    const authority = await (await world()).open();
    const { certificate } = await authority.identity('server', serverProfile('box.example'));
    const read = new X509Certificate(certificate);
    for (const name of ['localhost', 'box.example', 'kubernetes.default.svc'])
      expect(read.checkHost(name)).toBe(name);
    for (const address of ['127.0.0.1', '::1']) expect(read.checkIP(address)).toBe(address);
    expect(read.checkHost('elsewhere.example')).toBeUndefined();
  });

  test('PKI3: a client certificate carries its user and its groups', async () => {
    const { open, deps } = await world();
    const profile = clientProfile('ann', ['group-b', 'group-a']);
    const { certificate } = await (await open()).identity('ann', profile);
    const facts = deps.keys.readCertificate(certificate);
    expect(facts?.commonName).toBe('ann');
    expect([...(facts?.organizations ?? [])].sort()).toEqual(['group-a', 'group-b']);
  });

  test('PKI9: the platform reads back what was asked for', async () => {
    const { open, deps } = await world();
    const authority = await open();
    const { certificate, privateKey } = await authority.identity(
      'node',
      nodeProfile('node-1', ['fd00::a1:0:1']),
    );
    const read = new X509Certificate(certificate);
    const issuer = new X509Certificate(authority.certificate);
    expect(read.checkIssued(issuer)).toBe(true);
    expect(read.verify(issuer.publicKey)).toBe(true);
    expect(issuer.verify(issuer.publicKey)).toBe(true);
    expect([read.ca, issuer.ca]).toEqual([false, true]);
    expect(read.subjectAltName).toContain('IP Address:FD00:0:0:0:0:A1:0:1');
    expect([...(read.keyUsage ?? [])].sort()).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(Date.parse(read.validFrom)).toBe(deps.clock.now() - 5 * 60_000);
    expect(Date.parse(read.validTo)).toBe(deps.clock.now() + 365 * DAY_MS);
    expect(
      deps.keys.readCertificate(certificate)?.matches(deps.keys.readKey(privateKey) ?? deps.keys.newKey()),
    ).toBe(true);
  });
});

describe('an existing directory', () => {
  test('PKI4: opening again writes nothing and gives the same', async () => {
    const { open, writes } = await world();
    const first = await (await open()).identity('server', serverProfile('box', ['fd00::1']));
    const before = writes();
    const second = await (await open()).identity('server', serverProfile('box', ['fd00::1']));
    expect(second).toEqual(first);
    expect(writes()).toBe(before);
  });

  const rows: readonly { when: string; change: (clock: ReturnType<typeof virtualClock>) => string }[] = [
    { when: 'its names differ', change: () => 'other-machine' },
    {
      when: 'it is within 30 days of its end',
      change: (clock) => (clock.jump(336 * DAY_MS), 'box'),
    },
    {
      when: 'the clock stands before its beginning',
      change: (clock) => (clock.jump(-DAY_MS / 24), 'box'),
    },
  ];
  test.each(rows)('PKI5: an identity is issued anew when $when', async ({ change }) => {
    const { open, deps } = await world();
    // The authority is an hour older, so that only the identity is touched by a clock that was set back.
    await open();
    deps.clock.jump(DAY_MS);
    const first = await (await open()).identity('server', serverProfile('box'));
    const name = change(deps.clock);
    const second = await (await open()).identity('server', serverProfile(name));
    expect(second.certificate).not.toBe(first.certificate);
    expect(second.certificateAuthority).toBe(first.certificateAuthority);
  });

  test('PKI5: an identity is issued anew when its subject differs or another authority signed it', async () => {
    const { open, deps } = await world();
    const first = await (await open()).identity('user', ADMIN_PROFILE);
    const second = await (await open()).identity('user', clientProfile('holdfast-admin', []));
    expect(second.certificate).not.toBe(first.certificate);
    await deps.files.remove('/pki/ca.pem');
    const third = await (await open()).identity('user', clientProfile('holdfast-admin', []));
    expect(third.certificate).not.toBe(second.certificate);
  });

  test('PKI10: an authority near its end is made anew, and its identities with it', async () => {
    const { open, deps } = await world();
    const first = await (await open()).identity('admin', ADMIN_PROFILE);
    deps.clock.jump(3630 * DAY_MS);
    const authority = await open();
    expect(authority.certificate).not.toBe(first.certificateAuthority);
    const facts = deps.keys.readCertificate((await authority.identity('admin', ADMIN_PROFILE)).certificate);
    expect(facts?.isSignedBy(authority.certificate)).toBe(true);
  });

  test('PKI6: files with keys have mode 0600', async () => {
    const { open, files } = await world();
    await (await open()).identity('admin', ADMIN_PROFILE);
    expect([files.modeOf('/pki/ca.pem'), files.modeOf('/pki/admin.pem')]).toEqual([0o600, 0o600]);
  });

  test('PKI7: a damaged authority is refused, a damaged identity is issued anew', async () => {
    const { open, deps } = await world();
    const good = await (await open()).identity('admin', ADMIN_PROFILE);
    await deps.files.write('/pki/admin.pem', Buffer.from(good.certificate));
    expect((await (await open()).identity('admin', ADMIN_PROFILE)).certificate).not.toBe(good.certificate);
    await deps.files.write('/pki/ca.pem', Buffer.from(good.certificateAuthority + good.privateKey));
    await expect(open()).rejects.toBeInstanceOf(AuthorityDamagedError);
    await expect(open()).rejects.toThrow(
      'Reading the certificate authority "/pki/ca.pem": its key does not belong to its certificate: restore the file',
    );
  });
});

test('PKI8: a kubeconfig holds its certificates, has mode 0600 and is left alone when it says the same', async () => {
  const { open, deps, files, writes } = await world();
  const identity = await (await open()).identity('admin', ADMIN_PROFILE);
  const entry = { server: 'https://127.0.0.1:6443', identity, user: 'holdfast-admin' };
  await writeKubeconfig(deps.files, '/kubeconfig', entry);
  const before = writes();
  await writeKubeconfig(deps.files, '/kubeconfig', entry);
  expect(writes()).toBe(before);
  expect(files.modeOf('/kubeconfig')).toBe(0o600);
  const text = Buffer.from((await files.read('/kubeconfig')) ?? []).toString();
  expect(text).toContain(Buffer.from(identity.privateKey).toString('base64'));
});
