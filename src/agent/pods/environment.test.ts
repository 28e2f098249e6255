// Environment, expansion and mounts of a container.
import { expect, test } from 'vitest';
import type { Container, Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { nodePaths } from '../paths.ts';
import { containerMounts, type MountsDeps } from './container-mounts.ts';
import { environmentOf, type KeyReader } from './environment.ts';
import { expandVariables } from './expand.ts';

const pod: Stored<Pod> = {
  metadata: {
    namespace: 'default',
    name: 'p',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '',
    labels: { app: 'shop' },
  },
  spec: {
    containers: [],
    nodeName: 'node-1',
    volumes: [
      { name: 'c', configMap: { name: 'x' } },
      { name: 'd', emptyDir: {} },
    ],
  },
};
const readKeys: KeyReader = async (kind, name) =>
  kind === 'ConfigMap' && name === 'x' ? new Map([['colour', Buffer.from('blue')]]) : undefined;
const environment = (container: Partial<Container>): Promise<ReadonlyMap<string, string>> =>
  environmentOf({
    pod,
    container: { name: 'c', ...container },
    podIp: '10.0.0.1',
    hostIp: '127.0.0.1',
    readKeys,
  });

test('AGT35: values come from maps, fields, resources and earlier values', async () => {
  const values = await environment({
    resources: { limits: { cpu: '500m', memory: '64Mi' } },
    envFrom: [{ prefix: 'X_', configMapRef: { name: 'x' } }],
    env: [
      { name: 'A', value: '$(X_colour) $$(X) $(MISSING)' },
      { name: 'B', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      { name: 'C', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'D', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      { name: 'E', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
      { name: 'F', valueFrom: { secretKeyRef: { name: 'none', key: 'k', optional: true } } },
    ],
  });
  expect(Object.fromEntries(values)).toEqual({
    X_colour: 'blue',
    A: 'blue $(X) $(MISSING)',
    B: 'shop',
    C: '10.0.0.1',
    D: '1',
    E: '64',
  });
});

test('AGT35: a missing key is named', async () => {
  const valueFrom = { configMapKeyRef: { name: 'x', key: 'size' } };
  await expect(environment({ env: [{ name: 'A', valueFrom }] })).rejects.toThrow(
    `couldn't find key size in configmap "x"`,
  );
  await expect(environment({ envFrom: [{ secretRef: { name: 'none' } }] })).rejects.toThrow(
    'secret "none" not found',
  );
});

test('AGT35: commands are expanded once', () => {
  const variables = new Map([['A', '$(B)']]);
  expect(expandVariables('$(A) $$ $', variables)).toBe('$(B) $ $');
});

// Nothing of the file system is needed beyond the message file.
const deps = {
  paths: nodePaths('/k'),
  tree: { kind: async () => 'file' },
} as unknown as MountsDeps;

function mountsOf(container: Partial<Container>): ReturnType<typeof containerMounts> {
  const volumes = new Map([
    ['c', '/k/c'],
    ['d', '/k/d'],
  ]);
  const whole = { name: 'main', ...container };
  return containerMounts(deps, { pod, container: whole, attempt: 0, volumes, environment: new Map() });
}

test('AGT36: a config map is read-only, an emptyDir as asked', async () => {
  const mounts = await mountsOf({
    volumeMounts: [
      { name: 'c', mountPath: '/c' },
      { name: 'd', mountPath: '/d' },
    ],
  });
  expect(mounts.map(({ containerPath, readonly }) => [containerPath, readonly])).toEqual([
    ['/c', true],
    ['/d', false],
    ['/dev/termination-log', false],
  ]);
});

test('AGT36: Bidirectional needs a privileged container', async () => {
  const volumeMounts = [{ name: 'd', mountPath: '/d', mountPropagation: 'Bidirectional' as const }];
  await expect(mountsOf({ volumeMounts })).rejects.toThrow('a privileged container is needed');
});
