// A CSI volume on this node: the four node calls and expansion, each with its deadline, made only as far as the
// driver's capabilities go. Rejects with CsiError, whose certainty says whether the call may have had an effect.
// The directories that the caller of CSI must make (stage path, parent of the target) are made here.
import type { CsiNode } from '#csi/client.ts';
import type { VolumeCapability } from '#csi/generated/csi.ts';
import type { Tree } from '../tree.ts';
import { checkProof, type UnmountProof } from '../unmount-proof.ts';
import type { CsiAccessMode } from './access-mode.ts';

export type NodeCapability =
  | 'STAGE_UNSTAGE_VOLUME'
  | 'GET_VOLUME_STATS'
  | 'EXPAND_VOLUME'
  | 'VOLUME_CONDITION'
  | 'SINGLE_NODE_MULTI_WRITER'
  | 'VOLUME_MOUNT_GROUP';

/** A registered driver, ready to be called. */
export interface CsiNodeDriver {
  readonly name: string;
  readonly node: CsiNode;
  readonly capabilities: ReadonlySet<string>;
}

type StringMap = Readonly<Record<string, string>>;

export interface CsiVolume {
  readonly handle: string;
  readonly mode: 'Filesystem' | 'Block';
  readonly fsType: string;
  readonly mountFlags: readonly string[];
  readonly accessMode: CsiAccessMode;
  readonly readOnly: boolean;
  /** Passed to the driver when it has VOLUME_MOUNT_GROUP. */
  readonly mountGroup: string;
  readonly volumeContext: StringMap;
  /** From the attachment; empty when the driver needs none. */
  readonly publishContext: StringMap;
}

// The kubelet's deadline for a node call. Past it the outcome is unknown.
const CALL_TIMEOUT_MS = 120_000;

function capabilityOf(volume: CsiVolume, driver: CsiNodeDriver): VolumeCapability {
  const accessMode = { mode: volume.accessMode };
  if (volume.mode === 'Block') return { block: {}, accessMode };
  const volumeMountGroup = driver.capabilities.has('VOLUME_MOUNT_GROUP') ? volume.mountGroup : '';
  return { mount: { fsType: volume.fsType, mountFlags: volume.mountFlags, volumeMountGroup }, accessMode };
}

/** NodeStageVolume. The stage path is a directory for both modes. */
export async function stageVolume(
  { tree }: { readonly tree: Tree },
  driver: CsiNodeDriver,
  request: {
    readonly volume: CsiVolume;
    readonly stagePath: string;
    readonly isMounted: boolean;
    readonly secrets: StringMap;
  },
): Promise<void> {
  const { volume, stagePath, secrets } = request;
  // Not looked at when something is mounted there already: it may hang.
  if (!request.isMounted && (await tree.kind(stagePath)) === undefined) {
    await tree.makeDirectory(stagePath, 0o750);
  }
  await driver.node.nodeStageVolume(
    {
      volumeId: volume.handle,
      publishContext: volume.publishContext,
      stagingTargetPath: stagePath,
      volumeCapability: capabilityOf(volume, driver),
      secrets,
      volumeContext: volume.volumeContext,
    },
    { timeoutMs: CALL_TIMEOUT_MS },
  );
}

/** NodePublishVolume. The driver makes the target itself; its parent is made here. */
export async function publishVolume(
  { tree }: { readonly tree: Tree },
  driver: CsiNodeDriver,
  request: {
    readonly volume: CsiVolume;
    /** Empty when the driver does not stage. */
    readonly stagePath: string;
    readonly target: string;
    readonly secrets: StringMap;
    readonly podContext: StringMap;
  },
): Promise<void> {
  const { volume, stagePath, target, secrets, podContext } = request;
  const parent = target.slice(0, target.lastIndexOf('/'));
  if ((await tree.kind(parent)) === undefined) await tree.makeDirectory(parent, 0o750);
  await driver.node.nodePublishVolume(
    {
      volumeId: volume.handle,
      publishContext: volume.publishContext,
      stagingTargetPath: stagePath,
      targetPath: target,
      volumeCapability: capabilityOf(volume, driver),
      readonly: volume.readOnly,
      secrets,
      volumeContext: { ...volume.volumeContext, ...podContext },
    },
    { timeoutMs: CALL_TIMEOUT_MS },
  );
}

/** NodeUnpublishVolume; called also when the target is missing, since only the driver knows what it did. */
export async function unpublishVolume(
  driver: CsiNodeDriver,
  request: { readonly handle: string; readonly target: string },
  proof: UnmountProof,
): Promise<void> {
  checkProof(proof, request.target);
  await driver.node.nodeUnpublishVolume(
    { volumeId: request.handle, targetPath: request.target },
    { timeoutMs: CALL_TIMEOUT_MS },
  );
}

/** NodeUnstageVolume, then the empty stage directory goes. */
export async function unstageVolume(
  { tree }: { readonly tree: Tree },
  driver: CsiNodeDriver,
  request: { readonly handle: string; readonly stagePath: string; readonly proof: UnmountProof },
): Promise<void> {
  checkProof(request.proof, request.stagePath);
  await driver.node.nodeUnstageVolume(
    { volumeId: request.handle, stagingTargetPath: request.stagePath },
    { timeoutMs: CALL_TIMEOUT_MS },
  );
  await tree.removeDirectory(request.stagePath);
}

/** NodeExpandVolume to at least `requiredBytes`; answers with the size the driver reports. */
export async function expandVolume(
  driver: CsiNodeDriver,
  request: {
    readonly volume: CsiVolume;
    readonly volumePath: string;
    readonly stagePath: string;
    readonly requiredBytes: bigint;
    readonly secrets: StringMap;
  },
): Promise<bigint> {
  const response = await driver.node.nodeExpandVolume(
    {
      volumeId: request.volume.handle,
      volumePath: request.volumePath,
      stagingTargetPath: request.stagePath,
      capacityRange: { requiredBytes: String(request.requiredBytes), limitBytes: '0' },
      volumeCapability: capabilityOf(request.volume, driver),
      secrets: request.secrets,
    },
    { timeoutMs: CALL_TIMEOUT_MS },
  );
  return BigInt(response.capacityBytes);
}
