// Defaults and write strategies of the served kinds.
import { expect, test } from 'vitest';
import { isJsonObject, type JsonObject } from '../json.ts';
import { rootOf } from './field.ts';
import { kindOf, servedKinds } from './index.ts';

const container = { name: 'app', image: 'busybox' };

test('KND1: fills in a pod and its containers, and nothing a second time', () => {
  const pod = kindOf('Pod').defaults({
    metadata: { name: 'p' },
    spec: {
      containers: [
        { name: 'app', image: 'busybox:1.36', resources: { limits: { cpu: '1' } } },
        { name: 'side', image: 'registry:5000/busybox' },
      ],
    },
  });
  expect(pod['spec']).toMatchObject({
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    terminationGracePeriodSeconds: 30,
    securityContext: {},
    schedulerName: 'default-scheduler',
    enableServiceLinks: true,
    containers: [
      {
        imagePullPolicy: 'IfNotPresent',
        terminationMessagePath: '/dev/termination-log',
        terminationMessagePolicy: 'File',
        resources: { limits: { cpu: '1' }, requests: { cpu: '1' } },
      },
      { imagePullPolicy: 'Always', resources: {} },
    ],
  });
  expect(kindOf('Pod').defaults(pod)).toEqual(pod);
});

test('KND2: fills in volumes and probes', () => {
  const pod = kindOf('Pod').defaults({
    spec: {
      containers: [{ ...container, livenessProbe: { httpGet: { port: 80 } } }],
      volumes: [
        { name: 'scratch' },
        { name: 'config', configMap: { name: 'c' } },
        { name: 'keys', secret: { secretName: 's', defaultMode: 256 } },
        { name: 'host', hostPath: { path: '/srv' } },
      ],
    },
  });
  expect(pod['spec']).toMatchObject({
    volumes: [
      { emptyDir: {} },
      { configMap: { defaultMode: 420 } },
      { secret: { defaultMode: 256 } },
      { hostPath: { type: '' } },
    ],
    containers: [
      {
        livenessProbe: {
          httpGet: { path: '/', scheme: 'HTTP' },
          timeoutSeconds: 1,
          periodSeconds: 10,
          successThreshold: 1,
          failureThreshold: 3,
        },
      },
    ],
  });
});

test('KND3: fills in claims and volumes', () => {
  expect(kindOf('PersistentVolumeClaim').defaults({ spec: {} })).toEqual({
    spec: { volumeMode: 'Filesystem' },
    status: { phase: 'Pending' },
  });
  expect(kindOf('PersistentVolume').defaults({ spec: { claimRef: { name: 'c' } } })).toEqual({
    spec: {
      persistentVolumeReclaimPolicy: 'Retain',
      volumeMode: 'Filesystem',
      claimRef: { name: 'c', kind: 'PersistentVolumeClaim', apiVersion: 'v1' },
    },
    status: { phase: 'Pending' },
  });
});

test('KND4: a class deletes and binds immediately', () => {
  expect(kindOf('StorageClass').defaults({ volumeBindingMode: 'WaitForFirstConsumer' })).toEqual({
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'WaitForFirstConsumer',
  });
});

test('KND5: fills in a driver', () => {
  expect(kindOf('CSIDriver').defaults({ spec: { storageCapacity: true } })).toEqual({
    spec: {
      attachRequired: true,
      podInfoOnMount: false,
      storageCapacity: true,
      fsGroupPolicy: 'ReadWriteOnceWithFSType',
      volumeLifecycleModes: ['Persistent'],
      requiresRepublish: false,
      seLinuxMount: false,
    },
  });
});

test('KND6: merges stringData', () => {
  const secret = kindOf('Secret').defaults({ data: { a: 'MQ==', b: 'Mg==' }, stringData: { b: 'two' } });
  expect(secret).toEqual({ type: 'Opaque', data: { a: 'MQ==', b: 'dHdv' } });
});

test('KND7: a namespace is born Active, labelled and with its finalizer', () => {
  const kind = kindOf('Namespace');
  const named = kind.prepareForCreate(kind.defaults({ metadata: { name: 'shop' } }));
  expect(named).toEqual({
    metadata: { name: 'shop', labels: { 'kubernetes.io/metadata.name': 'shop' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  });
});

test.each([
  { kind: 'PersistentVolumeClaim', status: { phase: 'Pending' } },
  { kind: 'PersistentVolume', status: { phase: 'Pending' } },
  { kind: 'VolumeAttachment', status: { attached: false } },
  { kind: 'Node', status: { phase: 'Bound', attached: true } },
])('KND8: what a creator of a $kind says about status', ({ kind, status }) => {
  const created = kindOf(kind).prepareForCreate({ spec: {}, status: { phase: 'Bound', attached: true } });
  expect(created['status']).toEqual(status);
});

test.each([
  { resources: {}, qosClass: 'BestEffort' },
  { resources: { requests: { cpu: '1' } }, qosClass: 'Burstable' },
  {
    resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '1', memory: '1Gi' } },
    qosClass: 'Guaranteed',
  },
])('KND8: a new pod is Pending and $qosClass', ({ resources, qosClass }) => {
  const object = { metadata: {}, spec: { containers: [{ ...container, resources }] } };
  const pod = kindOf('Pod').prepareForCreate(object);
  expect(pod).toMatchObject({ metadata: { generation: 1 }, status: { phase: 'Pending', qosClass } });
});

test('KND9: main and status writes keep to their parts', () => {
  const kind = kindOf('PersistentVolumeClaim');
  const old = { metadata: { name: 'c', ownerReferences: [] }, spec: { a: 1 }, status: { phase: 'Pending' } };
  const write = {
    metadata: { name: 'c', labels: { x: 'y' }, ownerReferences: [{ name: 'evil' }] },
    spec: { a: 2 },
    status: { phase: 'Bound' },
  };
  expect(kind.prepareForUpdate(write, old)).toMatchObject({ spec: { a: 2 }, status: { phase: 'Pending' } });
  expect(kind.prepareForStatusUpdate(write, old)).toEqual({
    metadata: { name: 'c', labels: { x: 'y' }, ownerReferences: [] },
    spec: { a: 1 },
    status: { phase: 'Bound' },
  });
  const attachment = kindOf('VolumeAttachment').prepareForStatusUpdate(
    { metadata: { resourceVersion: '7', finalizers: [] }, spec: {}, status: { attached: true } },
    { metadata: { resourceVersion: '9', finalizers: ['f'] }, spec: { attacher: 'd' } },
  );
  expect(attachment).toEqual({
    metadata: { resourceVersion: '7', finalizers: ['f'] },
    spec: { attacher: 'd' },
    status: { attached: true },
  });
});

test('KND10: the generation follows the spec', () => {
  const old = { metadata: { generation: 4 }, spec: { containers: [container] } };
  const labelled = { ...old, metadata: { labels: { a: 'b' } } };
  const changed = { metadata: {}, spec: { containers: [{ ...container, image: 'other' }] } };
  const generation = (object: JsonObject) =>
    rootOf(kindOf('Pod').prepareForUpdate(object, old)).at('metadata', 'generation').value;
  expect(generation(labelled)).toBe(4);
  expect(generation(changed)).toBe(5);
});

test('KND11: finalizers of a namespace come from the old one', () => {
  const old = { metadata: {}, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } };
  const write = { metadata: { labels: {} }, spec: { finalizers: [] } };
  expect(kindOf('Namespace').prepareForUpdate(write, old)).toMatchObject({
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  });
});

test.each(servedKinds)('KND35: defaults of $typeName change nothing twice and nothing in place', (kind) => {
  const given: JsonObject = { metadata: { name: 'x' }, spec: {}, status: {} };
  const frozen = deepFreeze(structuredClone(given));
  const once = deepFreeze(kind.defaults(frozen));
  expect(kind.defaults(once)).toEqual(once);
  expect(frozen).toEqual(given);
});

function deepFreeze(value: JsonObject): JsonObject {
  for (const member of Object.values(value)) if (isJsonObject(member)) deepFreeze(member);
  return Object.freeze(value);
}

test('KND36: a driver counts its generations', () => {
  const kind = kindOf('CSIDriver');
  const old = { metadata: {}, spec: { podInfoOnMount: false } };
  const changed = kind.prepareForUpdate({ metadata: {}, spec: { podInfoOnMount: true } }, old);
  expect(changed).toMatchObject({ metadata: { generation: 1 } });
  expect(kind.prepareForUpdate(old, old)).toEqual(old);
  const labelled = kind.prepareForUpdate({ ...changed, metadata: { labels: { a: 'b' } } }, changed);
  expect(labelled).toMatchObject({ metadata: { generation: 1 } });
});
