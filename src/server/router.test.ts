import { describe, expect, test } from 'vitest';
import { servedKinds } from '#api/kinds/index.ts';
import { routeRequest } from './router.ts';

const lookup = (group: string, version: string, plural: string) =>
  servedKinds.find(
    ({ resource }) => resource.group === group && resource.version === version && resource.plural === plural,
  );

function summary(method: string, path: string): string {
  const route = routeRequest(method, path, lookup);
  if (route.kind !== 'resource') return route.kind;
  const { verb, definition, namespace = '-', name = '-', subresource = '-' } = route;
  return [verb, definition.resource.plural, namespace, name, subresource].join(' ');
}

const ROWS: readonly (readonly [rule: string, method: string, path: string, expected: string])[] = [
  ['SRV8', 'GET', '/api/v1/pods', 'list pods - - -'],
  ['SRV8', 'GET', '/api/v1/namespaces/a/pods?watch=1', 'watch pods a - -'],
  ['SRV8', 'GET', '/api/v1/namespaces/a/pods?watch=false', 'list pods a - -'],
  ['SRV8', 'POST', '/api/v1/namespaces/a/pods/x/binding', 'create pods a x binding'],
  ['SRV8', 'GET', '/api/v1/namespaces/a', 'get namespaces - a -'],
  ['SRV8', 'PUT', '/api/v1/namespaces/a/finalize', 'update namespaces - a finalize'],
  ['SRV8', 'PATCH', '/api/v1/namespaces/a/status', 'patch namespaces - a status'],
  ['SRV8', 'DELETE', '/api/v1/namespaces/a/configmaps', 'deletecollection configmaps a - -'],
  ['SRV8', 'GET', '/apis/storage.k8s.io/v1/storageclasses/fast', 'get storageclasses - fast -'],
  ['SRV8', 'GET', '/apis/storage.k8s.io/v1', 'path'],
  ['SRV8', 'GET', '/api/v1/namespaces/a/persistentvolumes/y', 'not-found'],
  ['SRV8', 'GET', '/apis/storage.k8s.io/v1/namespaces/a/storageclasses', 'not-found'],
  ['SRV8', 'GET', '/apis/storage.k8s.io/v1/namespaces/a/csidrivers/d', 'not-found'],
  ['SRV8', 'GET', '/apis/storage.k8s.io/v1/namespaces/a/volumeattachments/v', 'not-found'],
  ['SRV8', 'GET', '/api/v1/pods/x', 'not-found'],
  ['SRV8', 'GET', '/api/v2/pods', 'not-found'],
  ['SRV8', 'GET', '/api/v1/widgets', 'not-found'],
  ['SRV8', 'GET', '/api/v1/namespaces/a/configmaps/x/status', 'not-found'],
  ['SRV8', 'GET', '/api/v1/namespaces/a/pods/x/log/more', 'not-found'],
  ['SRV8', 'POST', '/api/v1/namespaces/a/pods/x', 'method-not-allowed'],
  ['SRV8', 'PUT', '/api/v1/namespaces/a/pods', 'method-not-allowed'],
  ['SRV8', 'DELETE', '/api/v1/namespaces/a/pods/x/status', 'method-not-allowed'],
  ['SRV7', 'GET', '/api/v1/namespaces/a/pods/%2e%2e', 'bad-request'],
  ['SRV7', 'GET', '/api/v1/namespaces/a/pods/b%2Fc', 'bad-request'],
  ['SRV7', 'GET', '/api/v1/namespaces/a/pods/b%252Fc', 'bad-request'],
  ['SRV7', 'GET', '/api/v1/namespaces/a%2Fb/pods/x', 'bad-request'],
  ['SRV7', 'GET', '/api/v1/namespaces/a/pods/b%00', 'bad-request'],
  ['SRV7', 'GET', '/api/v1/namespaces/a/pods/%ff', 'bad-request'],
];

describe('URLs', () => {
  test.each(ROWS)('%s: %s %s', (_rule, method, path, expected) => {
    expect(summary(method, path)).toBe(expected);
  });
});
