import { expect, test } from 'vitest';
import { persistentVolumeClaims } from '#api/resources.ts';
import { ApiError } from '#client/api-error.ts';
import { scriptedApi } from './scripted-api.ts';

const claim = { metadata: { namespace: 'default', name: 'data' }, spec: {} };

test('the scripted API keeps the rules of writes: conflicts, lost answers, finalizers and frozen caches', async () => {
  const api = scriptedApi();
  const cache = api.informers.informer(persistentVolumeClaims);
  const made = await api.create(persistentVolumeClaims, {
    ...claim,
    metadata: { ...claim.metadata, finalizers: ['x'] },
  });
  expect(cache.get('default/data')?.metadata.uid).toBe(made.metadata.uid);

  const bound = await api.updateStatus(persistentVolumeClaims, { ...made, status: { phase: 'Bound' } });
  expect(bound.status).toEqual({ phase: 'Bound' });
  await expect(api.update(persistentVolumeClaims, made)).rejects.toMatchObject({ reason: 'Conflict' });

  api.freeze(true);
  api.fail({
    verb: 'patch',
    plural: 'persistentvolumeclaims',
    status: 0,
    reason: 'Unknown',
    isAnswerLost: true,
  });
  const patch = { type: 'merge', patch: { metadata: { labels: { a: 'b' } } } } as const;
  const name = { namespace: 'default', name: 'data' };
  await expect(api.patch(persistentVolumeClaims, name, patch)).rejects.toBeInstanceOf(ApiError);
  expect(cache.get('default/data')?.metadata.labels).toBeUndefined();
  api.freeze(false);
  expect(cache.get('default/data')?.metadata.labels).toEqual({ a: 'b' });

  await api.delete(persistentVolumeClaims, name);
  const leaving = await api.get(persistentVolumeClaims, name);
  expect(leaving.metadata.deletionTimestamp).toBeDefined();
  await api.update(persistentVolumeClaims, { ...leaving, metadata: { ...leaving.metadata, finalizers: [] } });
  expect(await api.find(persistentVolumeClaims, name)).toBeUndefined();
  expect(cache.get('default/data')).toBeUndefined();
  expect(api.writes.map(({ verb }) => verb)).toEqual([
    'create',
    'updateStatus',
    'update',
    'patch',
    'delete',
    'update',
  ]);
});
