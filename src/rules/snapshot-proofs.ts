// The gate before DeleteSnapshot and DeleteVolumeGroupSnapshot (law 4): live reads that make a proof, or say what is in
// the way. Rules RUL301 and RUL302.
import type { VolumeGroupSnapshotContent } from '#api/generated/groupsnapshot-v1.ts';
import type { VolumeSnapshotContent } from '#api/generated/snapshot-v1.ts';
import type { Stored } from '#api/object.ts';
import {
  configMaps,
  volumeGroupSnapshotContents,
  volumeGroupSnapshots,
  volumeSnapshotContents,
  volumeSnapshots,
} from '#api/resources.ts';
import { CONTENT_SOURCE_LABEL, contentSourceValue } from './content-source.ts';
import type { LiveReads, ProofPreconditions } from './proofs.ts';
import { BEING_DELETED, GROUP_BEING_DELETED, GROUP_HANDLE } from './snapshot-names.ts';

/** Where the control plane keeps the intents of volumes that are being made. */
const INTENT_NAMESPACE = 'holdfast-system';

class Proof {
  readonly driver: string;
  readonly handle: string;
  /** The member snapshots, for a group. */
  readonly members: readonly string[];
  readonly preconditions: ProofPreconditions;
  readonly evidence: string;

  constructor(fields: {
    readonly driver: string;
    readonly handle: string;
    readonly members: readonly string[];
    readonly preconditions: ProofPreconditions;
    readonly evidence: string;
  }) {
    this.driver = fields.driver;
    this.handle = fields.handle;
    this.members = fields.members;
    this.preconditions = fields.preconditions;
    this.evidence = fields.evidence;
  }
}

/** Permission to delete one snapshot or group snapshot on its driver. The type is public, its constructor is not. */
export type SnapshotDeleteProof = Proof;

export type SnapshotProofResult =
  | { readonly kind: 'proven'; readonly proof: SnapshotDeleteProof }
  | { readonly kind: 'refused'; readonly because: string };

const refused = (because: string): SnapshotProofResult => ({ kind: 'refused', because });

/** The handle of a content, whoever gave it. */
export const handleOf = ({ spec, status }: VolumeSnapshotContent): string =>
  status?.snapshotHandle ?? spec.source.snapshotHandle ?? '';

export const groupHandleOf = ({ spec, status }: VolumeGroupSnapshotContent): string =>
  status?.volumeGroupSnapshotHandle ?? spec.source.groupSnapshotHandles?.volumeGroupSnapshotHandle ?? '';

/** The group that a content's snapshot is a member of; empty: none. */
export const groupOfContent = ({ metadata, status }: VolumeSnapshotContent): string =>
  status?.volumeGroupSnapshotHandle ?? metadata.annotations?.[GROUP_HANDLE] ?? '';

/** Proves that the snapshot behind the content `name` may be deleted. */
export async function proveSnapshotDeletable(
  live: LiveReads,
  { driver, name }: { readonly driver: string; readonly name: string },
  signal?: AbortSignal,
): Promise<SnapshotProofResult> {
  const content = await live.find(volumeSnapshotContents, { name }, signal);
  if (content === undefined) return refused('the content has no object');
  const unfit = whyNotDeletable(content, driver, BEING_DELETED, content.spec.volumeSnapshotRef.uid);
  if (unfit !== undefined) return refused(unfit);
  const handle = handleOf(content);
  if (handle === '') return refused('its handle is not known');
  if (groupOfContent(content) !== '') return refused('it is a member of a group and goes with that');
  const { namespace = '', name: snapshotName = '', uid } = content.spec.volumeSnapshotRef;
  const snapshot = await live.find(volumeSnapshots, { namespace, name: snapshotName }, signal);
  if (
    snapshot?.metadata.uid === uid &&
    snapshot?.metadata.deletionTimestamp === undefined &&
    uid !== undefined
  )
    return refused(`snapshot "${namespace}/${snapshotName}" still exists and is not being deleted`);
  const contents = await live.list(volumeSnapshotContents, {}, signal);
  const twin = contents.items.find(
    (one) =>
      one.metadata.uid !== content.metadata.uid && one.spec.driver === driver && handleOf(one) === handle,
  );
  if (twin !== undefined) return refused(`content "${twin.metadata.name}" has the same handle`);
  const copying = await copierOf(live, driver, [handle], signal);
  if (copying !== undefined) return refused(copying);
  return proven(content, { driver, handle, members: [] });
}

/** Proves that the group snapshot behind the content `name` may be deleted, with all its members. */
export async function proveGroupDeletable(
  live: LiveReads,
  { driver, name }: { readonly driver: string; readonly name: string },
  signal?: AbortSignal,
): Promise<SnapshotProofResult> {
  const content = await live.find(volumeGroupSnapshotContents, { name }, signal);
  if (content === undefined) return refused('the content has no object');
  const { volumeGroupSnapshotRef: ref, source } = content.spec;
  const unfit = whyNotDeletable(content, driver, GROUP_BEING_DELETED, ref.uid);
  if (unfit !== undefined) return refused(unfit);
  const handle = groupHandleOf(content);
  if (handle === '') return refused('its handle is not known');
  const group = await live.find(
    volumeGroupSnapshots,
    { namespace: ref.namespace ?? '', name: ref.name ?? '' },
    signal,
  );
  if (
    group?.metadata.uid === ref.uid &&
    group?.metadata.deletionTimestamp === undefined &&
    ref.uid !== undefined
  )
    return refused(`group snapshot "${ref.namespace}/${ref.name}" still exists and is not being deleted`);
  const contents = await live.list(volumeSnapshotContents, {}, signal);
  const member = contents.items.find((one) => one.spec.driver === driver && groupOfContent(one) === handle);
  if (member !== undefined) return refused(`content "${member.metadata.name}" of a member still exists`);
  const groups = await live.list(volumeGroupSnapshotContents, {}, signal);
  const twin = groups.items.find(
    (one) =>
      one.metadata.uid !== content.metadata.uid &&
      one.spec.driver === driver &&
      groupHandleOf(one) === handle,
  );
  if (twin !== undefined) return refused(`content "${twin.metadata.name}" has the same handle`);
  const members = (content.status?.volumeSnapshotInfoList ?? []).flatMap((one) => one.snapshotHandle ?? []);
  const known = members.length > 0 ? members : (source.groupSnapshotHandles?.volumeSnapshotHandles ?? []);
  const copying = await copierOf(live, driver, known, signal);
  if (copying !== undefined) return refused(copying);
  return proven(content, { driver, handle, members: known });
}

type Content = Stored<VolumeSnapshotContent> | Stored<VolumeGroupSnapshotContent>;

function whyNotDeletable(
  { metadata, spec }: Content,
  driver: string,
  beingDeleted: string,
  refUid: string | undefined,
): string | undefined {
  if (spec.driver !== driver) return `it is one of driver "${spec.driver}"`;
  if (spec.deletionPolicy !== 'Delete') return `its deletion policy is ${spec.deletionPolicy}`;
  if (metadata.deletionTimestamp === undefined) return 'it is not being deleted';
  // A content that nobody is bound to needs nobody's leave.
  if ((refUid ?? '') !== '' && metadata.annotations?.[beingDeleted] === undefined)
    return `it is bound and lacks the annotation ${beingDeleted}`;
  return undefined;
}

/** The intent of a volume that is being made from one of the snapshots, in words. */
async function copierOf(
  live: LiveReads,
  driver: string,
  handles: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const values = new Set(handles.map((handle) => contentSourceValue({ driver, kind: 'snapshot', handle })));
  const intents = await live.list(configMaps, { namespace: INTENT_NAMESPACE }, signal);
  const copier = intents.items.find((one) => values.has(one.metadata.labels?.[CONTENT_SOURCE_LABEL] ?? ''));
  return copier === undefined ? undefined : `volume "${copier.metadata.name}" is being made from it`;
}

function proven(
  { metadata }: Content,
  of: { readonly driver: string; readonly handle: string; readonly members: readonly string[] },
): SnapshotProofResult {
  const { uid, resourceVersion, name } = metadata;
  const evidence = `content ${name}@${resourceVersion}: policy Delete, being deleted; its snapshot is going; no twin; no volume is made from it`;
  return { kind: 'proven', proof: new Proof({ ...of, preconditions: { uid, resourceVersion }, evidence }) };
}
