// Facts about the volume that only the machine knows: its mounts, and the driver's own ledger.
import type { CliEffects } from '#compose/cli-effects.ts';
import { isJsonObject } from '#api/json.ts';

export interface MountFact {
  readonly mountPoint: string;
  readonly fsType: string;
  readonly source: string;
}

/** The mount table below `root`. */
export async function mountsBelow(effects: CliEffects, root: string): Promise<readonly MountFact[]> {
  const bytes = await effects.files.read('/proc/self/mountinfo');
  return new TextDecoder()
    .decode(bytes)
    .split('\n')
    .flatMap((line) => {
      const [left = '', right = ''] = line.split(' - ');
      const mountPoint = left.split(' ')[4] ?? '';
      const [fsType = '', source = ''] = right.split(' ');
      return mountPoint.startsWith(`${root}/`) ? [{ mountPoint, fsType, source }] : [];
    });
}

/** What the disk driver wrote down of a volume: undefined when it has no such record. */
export async function driverRecord(
  effects: CliEffects,
  pool: string,
  { kind, handle }: { readonly kind: 'ledger' | 'formats'; readonly handle: string },
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const bytes = await effects.files.read(`${pool}/${kind}/${handle}.json`);
  if (bytes === undefined) return undefined;
  const record: unknown = JSON.parse(new TextDecoder().decode(bytes));
  return isJsonObject(record) ? record : undefined;
}

/** The last lines of a file on the volume. */
export async function lastLines(
  effects: CliEffects,
  path: string,
  count: number,
): Promise<readonly string[]> {
  const bytes = await effects.files.read(path);
  if (bytes === undefined) return [];
  return new TextDecoder().decode(bytes).trimEnd().split('\n').slice(-count);
}
