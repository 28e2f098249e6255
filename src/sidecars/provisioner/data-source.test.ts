import { expect, test } from 'vitest';
import type { PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import { dataSourceOf } from './data-source.ts';
import { grants, isGranted, referenceGrants } from './reference-grants.ts';
import { scriptedApi } from '#testing/scripted-api.ts';

const aClaim = (spec: PersistentVolumeClaim['spec']): PersistentVolumeClaim => ({
  metadata: { name: 'data', namespace: 'team' },
  spec,
});
const snapshot = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 's' };

test.each([
  { what: 'nothing', spec: {}, source: { kind: 'none' } },
  {
    what: 'a snapshot',
    spec: { dataSource: snapshot },
    source: { kind: 'snapshot', namespace: 'team', name: 's', isForeign: false },
  },
  {
    what: 'a claim elsewhere',
    spec: { dataSourceRef: { kind: 'PersistentVolumeClaim', name: 'c', namespace: 'prod' } },
    source: { kind: 'claim', namespace: 'prod', name: 'c', isForeign: true },
  },
  {
    what: 'a foreign kind',
    spec: { dataSourceRef: { apiGroup: 'hello.example', kind: 'Hello', name: 'h' } },
    source: { kind: 'populator', what: 'Hello.hello.example "h"' },
  },
])('PRV65: reads $what', ({ spec, source }) => {
  expect(dataSourceOf(aClaim(spec))).toEqual(source);
});

const source = { kind: 'snapshot', namespace: 'prod', name: 's', isForeign: true } as const;
const from = [{ group: '', kind: 'PersistentVolumeClaim', namespace: 'team' }];
const to = [{ group: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot' }];
test.each([
  { when: 'both sides fit', spec: { from, to }, granted: true },
  { when: 'the name fits', spec: { from, to: [{ ...to[0], name: 's' }] }, granted: true },
  { when: 'another name is granted', spec: { from, to: [{ ...to[0], name: 'x' }] }, granted: false },
  { when: 'another namespace asks', spec: { from: [{ ...from[0], namespace: 'x' }], to }, granted: false },
  { when: 'another kind is granted', spec: { from, to: [{ kind: 'Secret' }] }, granted: false },
  { when: 'it is empty', spec: {}, granted: false },
])('PRV67: a grant gives $granted when $when', ({ spec, granted }) => {
  expect(grants({ metadata: {}, spec }, source, 'team')).toBe(granted);
});

test('PRV67: without grants, and without the kind, it is denied', async () => {
  const api = scriptedApi();
  const { signal } = new AbortController();
  expect(await isGranted(api, source, 'team', signal)).toBe(false);
  api.fail({ verb: 'list', plural: 'referencegrants', status: 404, reason: 'NotFound' });
  expect(await isGranted(api, source, 'team', signal)).toBe(false);
  api.seed(referenceGrants, { metadata: { namespace: 'prod', name: 'g' }, spec: { from, to } });
  expect(await isGranted(api, source, 'team', signal)).toBe(true);
});
