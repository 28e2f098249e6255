import { expect, test } from 'vitest';
import { parseSnapshotParameters } from './snapshot-parameters.ts';

const NAMES = { contentName: 'content', snapshotName: 'snap', snapshotNamespace: 'team' };
const secret = (name: string, namespace: string) => ({
  'csi.storage.k8s.io/snapshotter-secret-name': name,
  'csi.storage.k8s.io/snapshotter-secret-namespace': namespace,
});

test('RUL300: secrets are filled in and the rest is the driver’s', () => {
  const parameters = {
    ...secret('${volumesnapshot.name}-key', '${volumesnapshot.namespace}'),
    speed: '9',
  };
  expect(parseSnapshotParameters(parameters, NAMES)).toEqual({
    kind: 'parsed',
    parameters: {
      forDriver: { speed: '9' },
      secrets: { snapshotter: { name: 'snap-key', namespace: 'team' } },
    },
  });
});

test.each([
  {
    when: 'a namespace that the snapshot’s author chooses',
    parameters: secret('key', '${volumesnapshot.name}'),
  },
  { when: 'an unknown variable', parameters: secret('${pvc.name}', 'vault') },
  { when: 'half a reference', parameters: { 'csi.storage.k8s.io/snapshotter-secret-name': 'key' } },
  { when: 'an unknown parameter', parameters: { 'csi.storage.k8s.io/colour': 'red' } },
])('RUL300: refuses $when', ({ parameters }) => {
  expect(parseSnapshotParameters(parameters, NAMES).kind).toBe('refused');
});
