// Turns the keys of a ConfigMap or Secret into the files of a volume, as `items`, `defaultMode` and `optional` say.
import type { KeyToPath } from '#api/generated/core-v1.ts';
import type { Payload, PayloadFile } from './atomic-writer.ts';
import { VolumeError } from './volume-type.ts';

export interface KeySelection {
  /** `ConfigMap "default/settings"`: for messages. */
  readonly owner: string;
  readonly keys: ReadonlyMap<string, Uint8Array>;
  readonly items: readonly KeyToPath[] | undefined;
  readonly defaultMode: number | undefined;
  readonly optional: boolean;
}

const DEFAULT_MODE = 0o644;

/** The files; a key named by `items` that is missing is an error unless the volume is optional. */
export function payloadOfKeys({ owner, keys, items, defaultMode, optional }: KeySelection): Payload {
  const mode = defaultMode ?? DEFAULT_MODE;
  const files = new Map<string, PayloadFile>();
  if (items === undefined || items.length === 0) {
    for (const [key, bytes] of keys) files.set(key, { bytes, mode });
    return files;
  }
  for (const item of items) {
    const bytes = keys.get(item.key);
    if (bytes === undefined) {
      if (optional) continue;
      throw new VolumeError('missing', `${owner} has no key "${item.key}", which the volume's items name`);
    }
    files.set(item.path, { bytes, mode: item.mode ?? mode });
  }
  return files;
}
