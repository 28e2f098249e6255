// The pure parts of the volume types, and the CSI calls against a scripted driver.
import { expect, test } from 'vitest';
import type { CsiNode } from '#csi/client.ts';
import type { MountEntry } from '#host/host.ts';
import { cleanPayloadPath } from './atomic-writer.ts';
import { appliesFsGroup, csiAccessMode } from './csi/access-mode.ts';
import { type CsiNodeDriver, type CsiVolume, publishVolume, stageVolume } from './csi/csi-volume.ts';
import { payloadOfKeys } from './key-payload.ts';
import { mountsAtPath, mountsBelow } from './mount-table.ts';
import type { Tree } from './tree.ts';

test.each([
  ['', 'empty'],
  ['/etc/passwd', 'absolute'],
  ['a/../../b', '".."'],
  ['..data/x', 'reserved'],
  ['a'.repeat(256), 'longer than 255'],
  ['a/'.repeat(2100), 'longer than 4096'],
])('VOL4: refuses %j', (path, why) => {
  expect(() => cleanPayloadPath(path)).toThrow(why);
});

test('VOL4: takes dotfiles and double slashes', () => {
  expect(cleanPayloadPath('.profile')).toBe('.profile');
  expect(cleanPayloadPath('foo..bar//x')).toBe('foo..bar/x');
});

const keys = new Map([
  ['a', Buffer.from('1')],
  ['b', Buffer.from('2')],
]);

test('VOL6: every key, or the items with their modes', () => {
  const base = { owner: 'ConfigMap "x"', keys, defaultMode: 0o400, optional: false };
  expect([...payloadOfKeys({ ...base, items: undefined })]).toEqual([
    ['a', { bytes: Buffer.from('1'), mode: 0o400 }],
    ['b', { bytes: Buffer.from('2'), mode: 0o400 }],
  ]);
  const items = [{ key: 'a', path: 'dir/a', mode: 0o600 }];
  expect([...payloadOfKeys({ ...base, items })]).toEqual([
    ['dir/a', { bytes: Buffer.from('1'), mode: 0o600 }],
  ]);
});

test('VOL6: a missing key is an error unless the volume is optional', () => {
  const base = { owner: 'ConfigMap "x"', keys, defaultMode: undefined, items: [{ key: 'c', path: 'c' }] };
  expect(() => payloadOfKeys({ ...base, optional: false })).toThrow('ConfigMap "x" has no key "c"');
  expect(payloadOfKeys({ ...base, optional: true }).size).toBe(0);
});

test('VOL11: access modes', () => {
  const modern = new Set(['SINGLE_NODE_MULTI_WRITER']);
  expect(csiAccessMode(['ReadWriteOnce'], new Set())).toBe('SINGLE_NODE_WRITER');
  expect(csiAccessMode(['ReadWriteOnce'], modern)).toBe('SINGLE_NODE_MULTI_WRITER');
  expect(csiAccessMode(['ReadWriteOncePod'], modern)).toBe('SINGLE_NODE_SINGLE_WRITER');
  expect(csiAccessMode(['ReadOnlyMany'], modern)).toBe('MULTI_NODE_READER_ONLY');
  expect(csiAccessMode(['ReadWriteMany'], modern)).toBe('MULTI_NODE_MULTI_WRITER');
  expect(() => csiAccessMode([], modern)).toThrow('no such mode');
});

test('VOL12: fsGroup by policy', () => {
  const volume = {
    policy: undefined,
    fsType: 'ext4',
    accessModes: ['ReadWriteOnce' as const],
    readOnly: false,
  };
  expect(appliesFsGroup(volume)).toBe(true);
  expect(appliesFsGroup({ ...volume, fsType: '' })).toBe(false);
  expect(appliesFsGroup({ ...volume, accessModes: ['ReadWriteMany'] })).toBe(false);
  expect(appliesFsGroup({ ...volume, accessModes: ['ReadWriteMany'], policy: 'File' })).toBe(true);
  expect(appliesFsGroup({ ...volume, policy: 'None' })).toBe(false);
  expect(appliesFsGroup({ ...volume, readOnly: true, policy: 'File' })).toBe(false);
});

const volume: CsiVolume = {
  handle: 'h',
  mode: 'Filesystem',
  fsType: 'ext4',
  mountFlags: ['noatime'],
  accessMode: 'SINGLE_NODE_WRITER',
  readOnly: true,
  mountGroup: '1000',
  volumeContext: { a: '1' },
  publishContext: { device: '/dev/x' },
};

function scripted(capabilities: readonly string[]): { driver: CsiNodeDriver; requests: object[] } {
  const requests: object[] = [];
  const record = async (request: object): Promise<object> => {
    requests.push(request);
    return {};
  };
  const node = { nodeStageVolume: record, nodePublishVolume: record } as unknown as CsiNode;
  return { driver: { name: 'd', node, capabilities: new Set(capabilities) }, requests };
}
const tree = { kind: async () => 'directory' } as unknown as Tree;

test('VOL13: contexts, capability and secrets pass unchanged', async () => {
  const { driver, requests } = scripted([]);
  const capability = {
    mount: { fsType: 'ext4', mountFlags: ['noatime'], volumeMountGroup: '' },
    accessMode: { mode: 'SINGLE_NODE_WRITER' },
  };
  await stageVolume({ tree }, driver, { volume, stagePath: '/s', isMounted: false, secrets: { key: 'k' } });
  const podContext = { 'csi.storage.k8s.io/pod.name': 'p' };
  await publishVolume({ tree }, driver, { volume, stagePath: '/s', target: '/p/t', secrets: {}, podContext });
  expect(requests).toEqual([
    {
      volumeId: 'h',
      publishContext: { device: '/dev/x' },
      stagingTargetPath: '/s',
      volumeCapability: capability,
      secrets: { key: 'k' },
      volumeContext: { a: '1' },
    },
    {
      volumeId: 'h',
      publishContext: { device: '/dev/x' },
      stagingTargetPath: '/s',
      targetPath: '/p/t',
      volumeCapability: capability,
      readonly: true,
      secrets: {},
      volumeContext: { a: '1', 'csi.storage.k8s.io/pod.name': 'p' },
    },
  ]);
});

test('VOL13: the mount group goes to a driver that takes it; a block volume has no file system', async () => {
  const { driver, requests } = scripted(['VOLUME_MOUNT_GROUP']);
  await stageVolume({ tree }, driver, { volume, stagePath: '/s', isMounted: false, secrets: {} });
  await stageVolume({ tree }, driver, {
    volume: { ...volume, mode: 'Block' },
    stagePath: '/s',
    isMounted: false,
    secrets: {},
  });
  expect(requests[0]).toMatchObject({ volumeCapability: { mount: { volumeMountGroup: '1000' } } });
  expect(requests[1]).toMatchObject({ volumeCapability: { block: {} } });
});

test('VOL14: mounts at a path, also where its entry was removed', () => {
  const entry = (mountPoint: string): MountEntry => ({
    mountId: 1,
    parentId: 0,
    device: '0:1',
    root: '/',
    mountPoint,
    options: [],
    propagation: [],
    fsType: 'tmpfs',
    source: 'tmpfs',
    superOptions: [],
  });
  const table = ['/a', '/a//deleted', '/a/b', '/ab'].map(entry);
  expect(mountsAtPath(table, '/a').map(({ mountPoint }) => mountPoint)).toEqual(['/a', '/a//deleted']);
  expect(mountsBelow(table, '/a').map(({ mountPoint }) => mountPoint)).toEqual(['/a', '/a//deleted', '/a/b']);
});
