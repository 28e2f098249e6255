// Builds the view of one volume or one local mount: the desired world, the mount records, the kernel's mount table now,
// the registered drivers and, only when a set-up depends on it, the attachment.
import type { MountEntry } from '#host/host.ts';
import type { DriverRegistry } from '../plugins/driver-registry.ts';
import type { Attachment } from './attachment.ts';
import type { DesiredMount, DesiredWorld } from './desired-world.ts';
import { publishPresence, stagePresence } from './presence.ts';
import type { RecordStore } from './record-store.ts';
import { type CsiSource, followsObject, volumeKey } from './resolved-volume.ts';
import type { MountKey, MountView, VolumeKey, VolumeView } from './view.ts';

export interface ObserveDeps {
  readonly desired: DesiredWorld;
  readonly records: RecordStore;
  readonly drivers: DriverRegistry;
  readonly bootId: string;
  readonly node: { isInUse(volume: VolumeKey): boolean; isAttached(volume: VolumeKey): boolean };
  /** The version of the content that this process has written, for types that follow an object. */
  readonly writtenVersion: (mount: MountKey) => string | undefined;
  readonly attachment: (source: CsiSource) => Promise<Attachment | undefined>;
  /** NodeExpandVolume is due. */
  readonly isToGrow: (volume: VolumeKey) => boolean;
}

export interface ObservedVolume {
  readonly view: VolumeView;
  readonly mounts: readonly MountView[];
  readonly attachment: Attachment | undefined;
}

/** The name of the staged volume behind a mount. */
export function stagedVolumeOf(mount: DesiredMount): VolumeKey | undefined {
  return mount.source.type === 'csi' ? volumeKey(mount.source) : undefined;
}

export function observeMount(
  deps: ObserveDeps,
  key: MountKey,
  table: readonly MountEntry[],
): MountView | undefined {
  const record = deps.records.publish(key);
  const wanted = deps.desired.mounts().find((mount) => mount.key === key);
  const podUid = wanted?.pod.uid ?? record?.podUid;
  if (podUid === undefined) return undefined;
  const whenUnresolved = deps.desired.has(podUid) ? 'kept' : 'released';
  return {
    key,
    podUid,
    volume: wanted === undefined ? record?.csi?.volume : stagedVolumeOf(wanted),
    desired: wanted === undefined ? whenUnresolved : 'wanted',
    presence: publishPresence(record, table, deps.bootId),
    isStale:
      wanted !== undefined && followsObject(wanted.type) && deps.writtenVersion(key) !== wanted.version,
  };
}

/** The volume with every mount of it. The attachment is read after the Node's reports; decide.ts asks for both. */
export async function observeVolume(
  deps: ObserveDeps,
  key: VolumeKey,
  table: readonly MountEntry[],
): Promise<ObservedVolume | undefined> {
  const wanting = deps.desired.mounts().filter((mount) => stagedVolumeOf(mount) === key);
  const published = deps.records.publishes().filter((record) => record.csi?.volume === key);
  const stage = deps.records.stage(key);
  const source = wanting.map((mount) => mount.source).find((one) => one.type === 'csi');
  const identity = source ?? stage?.csi ?? published[0]?.csi;
  if (identity === undefined) return undefined;
  const keys = new Set([...wanting, ...published].map((one) => one.key));
  const mounts = [...keys].flatMap((mount) => observeMount(deps, mount, table) ?? []);
  const driver = deps.drivers.get(identity.driver);
  const isReportedInUse = deps.node.isInUse(key);
  const isReportedAttached = isReportedInUse && deps.node.isAttached(key);
  const isSettled = mounts.every((mount) => mount.desired === 'wanted' && mount.presence === 'present');
  const asks = source !== undefined && source.needsAttach && isReportedInUse && !isSettled;
  const attachment = asks ? await deps.attachment(source) : undefined;
  const view: VolumeView = {
    key,
    isWanted: source !== undefined,
    needsAttach: identity.needsAttach,
    needsStage:
      identity.lifecycle === 'Persistent' &&
      (driver?.capabilities.has('STAGE_UNSTAGE_VOLUME') ?? stage !== undefined),
    hasDriver: driver !== undefined,
    isReportedInUse,
    isReportedAttached,
    attachment,
    staged: stagePresence(stage, deps.bootId),
    stagedUnder: stage?.csi.attachmentUid,
    isToGrow: deps.isToGrow(key),
  };
  return { view, mounts, attachment };
}
