import { expect, test } from 'vitest';
import { servedKinds } from '#api/kinds/index.ts';
import { persistentVolumeClaims, volumeGroupSnapshots, volumeSnapshots } from '#api/resources.ts';
import { type Log, silentLog } from '#base/log.ts';
import { ADMIN, testServer } from '#testing/api-server.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { discoverServed, servedInformers } from './served-informers.ts';

const signal = new AbortController().signal;

test('CMP3: discovery says what is served, of a server without group snapshots too', async () => {
  const { server } = await testServer({
    kinds: servedKinds.filter(({ resource }) => !resource.group.startsWith('groupsnapshot')),
  });
  const isServed = await discoverServed((request) => server.handler({ ...request, user: ADMIN }), signal);
  expect([persistentVolumeClaims, volumeSnapshots, volumeGroupSnapshots].map(isServed)).toEqual([
    true,
    true,
    false,
  ]);
  await server[Symbol.asyncDispose]();
});

test('CMP3: a refusal is no answer about what is served', async () => {
  const { server } = await testServer();
  const nobody = discoverServed((request) => server.handler({ ...request, user: undefined }), signal);
  await expect(nobody).rejects.toThrow();
  await server[Symbol.asyncDispose]();
});

test('CMP3: a kind that is not served is empty and complete, and said once', async () => {
  const api = scriptedApi();
  const said: unknown[] = [];
  const log: Log = { ...silentLog, warn: (_message, fields) => void said.push(fields) };
  const informers = servedInformers(api.informers, ({ plural }) => plural !== 'volumesnapshots', log);
  const missing = informers.informer(volumeSnapshots);
  informers.informer(volumeSnapshots);
  await missing.whenSynced(signal);
  expect([missing.synced, [...missing.list()], missing.get('n/s')]).toEqual([true, [], undefined]);
  api.seed(persistentVolumeClaims, { metadata: { namespace: 'n', name: 'c' } });
  expect([...informers.informer(persistentVolumeClaims).list()]).toHaveLength(1);
  expect(said).toEqual([{ kind: 'volumesnapshots.snapshot.storage.k8s.io/v1' }]);
});
