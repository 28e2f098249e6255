import { describe, expect, it } from 'vitest';
import type { CsiError } from '#csi/csi-error.ts';
import type { VolumeCapability } from '#csi/generated/csi.ts';
import { wantedAccess } from './capability.ts';
import { targetPath } from './node-parts.ts';
import { newSize, sizeRange } from './size.ts';

const MIB = 1024 * 1024;

function capability(mountFlags: readonly string[], fsType = ''): VolumeCapability {
  return { mount: { fsType, mountFlags, volumeMountGroup: '' }, accessMode: { mode: 'SINGLE_NODE_WRITER' } };
}

describe('wantedAccess', () => {
  it('DSK22: always adds nodev and nosuid', () => {
    expect(wantedAccess(capability(['rw', 'noatime', 'commit=30'], 'xfs')).how).toEqual({
      kind: 'mount',
      fsType: 'xfs',
      flags: ['nodev', 'nosuid', 'noatime'],
      options: ['commit=30'],
    });
  });

  it.each(['suid', 'dev', 'bind', 'remount', 'a,suid', 'context=x', 'loop', '__proto__', 'constructor', ''])(
    'DSK22: refuses the mount flag %j without repeating it',
    (flag) => {
      let message = '';
      try {
        wantedAccess(capability(['noatime', flag]));
      } catch (error) {
        message = (error as CsiError).message;
      }
      expect(message).toBe('Mount flag number 2 is not on the list of allowed ones');
    },
  );

  it.each([null, { accessMode: null }, { accessMode: { mode: 'SINGLE_NODE_WRITER' as const } }])(
    'DSK3: refuses the incomplete capability %j',
    (incomplete) => {
      expect(() => wantedAccess(incomplete)).toThrow(/lacks/);
    },
  );
});

describe('newSize', () => {
  it.each([
    { required: 0, limit: 0, fsType: undefined, size: 1024 * MIB },
    { required: 0, limit: 64 * MIB, fsType: undefined, size: 64 * MIB },
    { required: 1, limit: 0, fsType: undefined, size: 4 * MIB },
    { required: 1, limit: 0, fsType: 'xfs' as const, size: 300 * MIB },
    { required: 10 * MIB + 1, limit: 0, fsType: undefined, size: 11 * MIB },
    { required: 10 * MIB + 1, limit: 10 * MIB + 512, fsType: undefined, size: 10 * MIB + 512 },
  ])('DSK5: of $required to $limit with $fsType is $size', ({ required, limit, fsType, size }) => {
    const range = sizeRange({ requiredBytes: String(required), limitBytes: String(limit) });
    expect(newSize(range, fsType)).toBe(size);
  });
});

describe('targetPath', () => {
  it.each(['relative', '/a/../b', '/', '/a\0b'])('DSK41: refuses %j', (path) => {
    expect(() => targetPath(path, 'target_path')).toThrow(/no absolute path/);
  });

  it('DSK41: takes an absolute path, without slashes at its end', () => {
    expect(targetPath('/a/b//', 'target_path')).toBe('/a/b');
    expect(() => targetPath('', 'target_path')).toThrow(/lacks its "target_path"/);
  });
});
