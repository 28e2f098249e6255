import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMountInfo, topMountAt } from './mountinfo.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** As the kernel writes a name: four bytes as octal, all others as they are. */
function escaped(name: string): string {
  return Buffer.from(name, 'utf8')
    .toString('latin1')
    .replace(/[ \t\n\\#]/g, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

describe('parseMountInfo', () => {
  it('HST1: reads every field of a line', () => {
    const line =
      '36 35 98:0 /mnt1 /mnt/parent\\040dir rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue\n';
    expect(parseMountInfo(bytes(line))).toEqual([
      {
        mountId: 36,
        parentId: 35,
        device: '98:0',
        root: '/mnt1',
        mountPoint: '/mnt/parent dir',
        options: ['rw', 'noatime'],
        propagation: ['shared:1', 'master:2'],
        fsType: 'ext3',
        source: '/dev/root',
        superOptions: ['rw', 'errors=continue'],
      },
    ]);
  });

  it('HST1: a file called newline or hyphen stays one field of one line', () => {
    const [entry, ...more] = parseMountInfo(bytes('1 2 0:3 /-\\012- /a\\012b\\134012 rw - tmpfs none rw\n'));
    expect(more).toEqual([]);
    expect(entry).toMatchObject({
      root: '/-\n-',
      mountPoint: '/a\nb\\012',
      propagation: [],
      fsType: 'tmpfs',
    });
  });

  it('HST1: an empty source is empty', () => {
    expect(parseMountInfo(bytes('1 2 0:3 / /a rw - tmpfs  rw\n'))[0]).toMatchObject({
      source: '',
      superOptions: ['rw'],
    });
  });

  it('HST1: gives back any names that the kernel could write', () => {
    const name = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 40 })
      .filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, name, name), { maxLength: 5 }), (rows) => {
        const text = rows
          .map(
            ([root, point, source], i) =>
              `${i} 1 8:${i} /${escaped(root)} /${escaped(point)} rw shared:1 - fs ${escaped(source)} rw\n`,
          )
          .join('');
        const parsed = parseMountInfo(bytes(text));
        expect(parsed.map(({ root, mountPoint, source }) => [root, mountPoint, source])).toEqual(
          rows.map(([root, point, source]) => [`/${root}`, `/${point}`, source]),
        );
      }),
    );
  });

  it.each(['garbage', '1 2 3 / /a rw - t s rw', '1 2 0:3 / /a rw', '1 2 0:3 / /a rw - t s'])(
    'HST2: throws on %j, which is no line',
    (line) => {
      expect(() => parseMountInfo(bytes(`${line}\n`))).toThrow(/mount table/);
    },
  );

  it('HST3: of mounts stacked on one path the last is on top', () => {
    const table = parseMountInfo(bytes('1 0 0:1 / /a rw - tmpfs x rw\n2 1 0:2 / /a ro - tmpfs y rw\n'));
    expect(topMountAt(table, '/a')?.mountId).toBe(2);
    expect(topMountAt(table, '/b')).toBeUndefined();
  });
});
