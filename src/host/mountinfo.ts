// Reads /proc/<pid>/mountinfo. Pure. The kernel writes space, tab, newline, backslash (and in sources `#`) of a name as
// octal escapes and every other byte as it is, so a line is a line and a field a field whatever a pod calls its files.
//
//   36 35 98:0 /mnt1 /mnt/parent\040dir rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue
import type { MountEntry } from './host.ts';

/** Every line of a mount table, in the kernel's order. Throws on a line that is none: to skip one could lose data. */
export function parseMountInfo(bytes: Uint8Array): readonly MountEntry[] {
  // latin1 keeps bytes and code units one to one until a field is complete; only then is it read as UTF-8.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine);
}

function parseLine(line: string): MountEntry {
  const fields = line.split(' ');
  // The optional fields (propagation) end with a lone hyphen, which no name can be: names start with a slash.
  const end = fields.indexOf('-', 6);
  const [mountId, parentId, device, root, mountPoint, options] = fields;
  const [fsType, source, superOptions] = end < 0 ? [] : fields.slice(end + 1);
  if (
    root === undefined ||
    mountPoint === undefined ||
    options === undefined ||
    superOptions === undefined ||
    !/^\d+$/.test(mountId ?? '') ||
    !/^\d+$/.test(parentId ?? '') ||
    !/^\d+:\d+$/.test(device ?? '')
  ) {
    throw new Error(
      `Cannot read the mount table: ${JSON.stringify(line.slice(0, 200))} is not a line of mountinfo`,
    );
  }
  return {
    mountId: Number(mountId),
    parentId: Number(parentId),
    device: device ?? '',
    root: unescaped(root),
    mountPoint: unescaped(mountPoint),
    options: options.split(','),
    propagation: fields.slice(6, end),
    fsType: unescaped(fsType ?? ''),
    source: unescaped(source ?? ''),
    superOptions: splitOptions(superOptions),
  };
}

function unescaped(field: string): string {
  const raw = field.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(raw, 'latin1').toString('utf8');
}

/** Super options are split before they are unescaped, though a file system may still put a comma in a value. */
function splitOptions(field: string): readonly string[] {
  return field.split(',').map(unescaped);
}

/** The entry that a path lookup of exactly `path` meets: the last one stacked there. */
export function topMountAt(table: readonly MountEntry[], path: string): MountEntry | undefined {
  return table.findLast(({ mountPoint }) => mountPoint === path);
}
