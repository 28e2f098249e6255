import { expect, test } from 'vitest';
import { servedKinds } from '#api/kinds/index.ts';
import { persistentVolumeClaims, volumeGroupSnapshots, volumeSnapshots } from '#api/resources.ts';
import type { ApiRequest } from '#api/request.ts';
import { type Log, silentLog } from '#base/log.ts';
import { createApiClient } from '#client/create-client.ts';
import { ADMIN, testServer } from '#testing/api-server.ts';
import { scriptedApi } from '#testing/scripted-api.ts';
import { servedClient } from './served-client.ts';
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

test('CMP3: a live list of a kind that is not served is empty; of one that was served it fails', async () => {
  const { server } = await testServer({
    kinds: servedKinds.filter(({ resource }) => !resource.group.startsWith('groupsnapshot')),
  });
  const send = (request: ApiRequest) => server.handler({ ...request, user: ADMIN });
  const isServed = ({ plural }: { readonly plural: string }) => plural !== 'volumegroupsnapshots';
  const client = servedClient(createApiClient(send), { send, isServed });
  expect((await client.list(volumeGroupSnapshots)).items).toEqual([]);
  expect((await client.list(persistentVolumeClaims)).items).toEqual([]);
  const once = servedClient(createApiClient(send), { send, isServed: () => true });
  await expect(once.list(volumeGroupSnapshots)).rejects.toMatchObject({ status: 404 });
  const down = () => Promise.reject(new Error('connection refused'));
  const broken = servedClient(createApiClient(down), { send, isServed });
  await expect(broken.list(volumeGroupSnapshots)).rejects.toMatchObject({ status: 0 });
  await server[Symbol.asyncDispose]();
});

test('CMP3: a kind that is served in another version only is not taken for empty', async () => {
  const { server } = await testServer({
    kinds: servedKinds.filter(
      ({ resource }) => resource.group !== 'groupsnapshot.storage.k8s.io' || resource.version !== 'v1',
    ),
  });
  const send = (request: ApiRequest) => server.handler({ ...request, user: ADMIN });
  const client = servedClient(createApiClient(send), { send, isServed: () => false });
  await expect(client.list(volumeGroupSnapshots)).rejects.toMatchObject({ status: 404 });
  await server[Symbol.asyncDispose]();
});
