import { expect, test } from 'vitest';
import type { JsonObject } from '#api/json.ts';
import { kindCountedBy, quotaCounts, quotaUsage } from './quota.ts';

const core = (plural: string) => ({ group: '', plural });
const usage = (plural: string, object: JsonObject): Record<string, number> =>
  Object.fromEntries(
    [...quotaUsage(core(plural), object)].map(([name, nanos]) => [name, Number(nanos) / 1e9]),
  );

test('RUL401: objects are counted by kind and group', () => {
  expect(usage('configmaps', {})).toEqual({ 'count/configmaps': 1, configmaps: 1 });
  const leases = { group: 'coordination.k8s.io', plural: 'leases' };
  expect([...quotaUsage(leases, {}).keys()]).toEqual(['count/leases.coordination.k8s.io']);
});

test.each([
  ['requests.storage', core('persistentvolumeclaims')],
  ['fast.storageclass.storage.k8s.io/requests.storage', core('persistentvolumeclaims')],
  ['persistentvolumeclaims', core('persistentvolumeclaims')],
  ['limits.cpu', core('pods')],
  ['memory', core('pods')],
  ['secrets', core('secrets')],
  ['count/leases.coordination.k8s.io', { group: 'coordination.k8s.io', plural: 'leases' }],
  ['services.nodeports', undefined],
])('RUL402: %s is counted from %j', (resource, kind) => {
  expect(kindCountedBy(resource)).toEqual(kind);
});

test('RUL403: a claim', () => {
  const spec = { resources: { requests: { storage: '2' } }, storageClassName: 'fast' };
  expect(usage('persistentvolumeclaims', { spec, status: { allocatedResources: { storage: '3' } } })).toEqual(
    {
      'count/persistentvolumeclaims': 1,
      persistentvolumeclaims: 1,
      'requests.storage': 3,
      'fast.storageclass.storage.k8s.io/persistentvolumeclaims': 1,
      'fast.storageclass.storage.k8s.io/requests.storage': 3,
    },
  );
});

const asks = (cpu: string): JsonObject => ({ resources: { requests: { cpu }, limits: { cpu } } });

test('RUL404: a pod', () => {
  const spec = {
    initContainers: [{ ...asks('1'), restartPolicy: 'Always' }, asks('5')],
    containers: [asks('1'), asks('2')],
  };
  expect(usage('pods', { spec })).toEqual({
    'count/pods': 1,
    pods: 1,
    cpu: 6,
    'requests.cpu': 6,
    'limits.cpu': 6,
  });
  expect(usage('pods', { spec, status: { phase: 'Failed' } })).toEqual({ 'count/pods': 1 });
});

const deadline = { spec: { activeDeadlineSeconds: 5 } };
const guaranteed = { spec: { containers: [asks('1')] } };
const high = { spec: { priorityClassName: 'high' } };
const far = {
  spec: {
    affinity: {
      podAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'z', namespaces: ['x'] }],
      },
    },
  },
};
const gold = { status: { modifyVolumeStatus: { targetVolumeAttributesClassName: 'gold' } } };
const selector = (scopeName: string, operator: string, ...values: string[]): JsonObject => ({
  scopeSelector: { matchExpressions: [{ scopeName, operator, values }] },
});

test.each<[JsonObject, string, JsonObject, boolean]>([
  [{}, 'pods', {}, true],
  [{ scopes: ['Terminating'] }, 'pods', deadline, true],
  [{ scopes: ['NotTerminating'] }, 'pods', deadline, false],
  [{ scopes: ['BestEffort'] }, 'pods', {}, true],
  [{ scopes: ['BestEffort'] }, 'pods', guaranteed, false],
  [{ scopes: ['NotBestEffort', 'Terminating'] }, 'pods', guaranteed, false],
  [{ scopes: ['CrossNamespacePodAffinity'] }, 'pods', far, true],
  [{ scopes: ['CrossNamespacePodAffinity'] }, 'pods', {}, false],
  [selector('PriorityClass', 'In', 'high'), 'pods', high, true],
  [selector('PriorityClass', 'NotIn', 'high'), 'pods', high, false],
  [selector('PriorityClass', 'Exists'), 'pods', {}, false],
  [selector('PriorityClass', 'DoesNotExist'), 'pods', {}, true],
  [selector('PriorityClass', 'Like', 'high'), 'pods', high, false],
  [selector('VolumeAttributesClass', 'In', 'gold'), 'persistentvolumeclaims', gold, true],
  [selector('VolumeAttributesClass', 'In', 'gold'), 'persistentvolumeclaims', {}, false],
  [{ scopes: ['BestEffort'] }, 'persistentvolumeclaims', {}, false],
  [{ scopes: ['BestEffort'] }, 'configmaps', {}, false],
])('RUL405: %j over %s %j: %s', (spec, plural, object, counts) => {
  expect(quotaCounts(spec, core(plural), object)).toBe(counts);
});
