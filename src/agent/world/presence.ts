// What a record and the kernel's mount table together prove about a mount (laws 3 and 6). Pure.
import type { MountEntry } from '#host/host.ts';
import { mountsAtPath } from '#volumes/mount-table.ts';
import type { PublishRecord, StageRecord } from './mount-record.ts';
import type { Presence } from './view.ts';

/**
 * Present only when the last call was confirmed in this boot and the kernel shows what was seen then; absent only
 * without a record; everything else is unknown.
 */
export function publishPresence(
  record: PublishRecord | undefined,
  table: readonly MountEntry[],
  bootId: string,
): Presence {
  if (record === undefined) return 'absent';
  if (record.phase !== 'done') return 'unknown';
  // A file on disk outlives a boot; the mounts (and tmpfs contents) do not.
  if (!record.isMount) return 'present';
  if (record.bootId !== bootId) return 'unknown';
  const top = mountsAtPath(table, record.target).at(-1);
  const isSame =
    top !== undefined && top.mountId === record.seen?.mountId && top.device === record.seen.device;
  return isSame ? 'present' : 'unknown';
}

/** A driver may stage without a mount of its own, so the record of this boot is the proof. */
export function stagePresence(record: StageRecord | undefined, bootId: string): Presence {
  if (record === undefined) return 'absent';
  return record.phase === 'done' && record.bootId === bootId ? 'present' : 'unknown';
}
