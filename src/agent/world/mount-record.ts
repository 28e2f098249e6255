// The records of mounts: written and synced before the effect, removed after its verified undoing, so that any crash
// can be rebuilt from them and the mount table alone (law 2). They stand outside the pods' directories, one file each.
import { isJsonObject, type JsonObject } from '#api/json.ts';
import { sha256Hex } from '#base/sha256.ts';
import type { MountEntry } from '#host/host.ts';
import type { VolumeTypeName } from '#volumes/volume-type.ts';
import type { MountKey, VolumeKey } from './view.ts';

/** `starting` and `stopping`: the effect may have happened or not. `done`: the last call was confirmed. */
export type RecordPhase = 'starting' | 'done' | 'stopping';

/** What appeared at the target, so that it can be recognised later. */
export interface SeenMount {
  readonly mountId: number;
  readonly device: string;
  readonly source: string;
}

export interface PublishRecord {
  readonly kind: 'publish';
  readonly key: MountKey;
  readonly podUid: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly type: VolumeTypeName;
  readonly target: string;
  /** Bound into containers. */
  readonly hostPath: string;
  readonly isMount: boolean;
  readonly csi: StagedIdentity | undefined;
  readonly bootId: string;
  readonly phase: RecordPhase;
  readonly seen: SeenMount | undefined;
}

export interface StageRecord {
  readonly kind: 'stage';
  readonly key: VolumeKey;
  readonly csi: StagedIdentity;
  readonly bootId: string;
  readonly phase: RecordPhase;
  /** Undefined also for a driver that mounts nothing at the stage path. */
  readonly seen: SeenMount | undefined;
}

export interface StagedIdentity {
  readonly lifecycle: 'Persistent' | 'Ephemeral';
  readonly volume: VolumeKey;
  readonly driver: string;
  readonly handle: string;
  readonly persistentVolume: string;
  readonly mode: 'Filesystem' | 'Block';
  readonly needsAttach: boolean;
  readonly needsStage: boolean;
  readonly stagePath: string;
  readonly attachmentUid: string | undefined;
}

export type MountRecord = PublishRecord | StageRecord;

/** What a record keeps of a mount table entry. */
export function seenMount(entry: MountEntry | undefined): SeenMount | undefined {
  return entry && { mountId: entry.mountId, device: entry.device, source: entry.source };
}

/** The file name of a record: fixed length whatever the handle. */
export function recordFile(record: Pick<MountRecord, 'kind' | 'key'>): string {
  return `${record.kind}-${sha256Hex(record.key)}.json`;
}

export function encodeRecord(record: MountRecord): Uint8Array {
  return Buffer.from(`${JSON.stringify(record)}\n`);
}

const TYPES: readonly VolumeTypeName[] = [
  'csi',
  'empty-dir',
  'host-path',
  'configmap',
  'secret',
  'projected',
  'downward-api',
];
const PHASES: readonly RecordPhase[] = ['starting', 'done', 'stopping'];

/** Undefined when the bytes are no record of ours. */
export function decodeRecord(bytes: Uint8Array): MountRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const phase = PHASES.find((one) => one === value.phase);
  const text = (name: string): string => readText(value, name);
  const csi = isJsonObject(value.csi) ? decodeIdentity(value.csi) : undefined;
  if (phase === undefined || text('key') === '') return undefined;
  if (value.kind === 'stage') {
    const seen = decodeSeen(value.seen);
    return csi && { kind: 'stage', key: text('key'), csi, bootId: text('bootId'), phase, seen };
  }
  const type = TYPES.find((one) => one === value.type);
  if (value.kind !== 'publish' || type === undefined || (type === 'csi' && csi === undefined))
    return undefined;
  return {
    kind: 'publish',
    key: text('key'),
    podUid: text('podUid'),
    podNamespace: text('podNamespace'),
    podName: text('podName'),
    type,
    target: text('target'),
    hostPath: text('hostPath'),
    isMount: value.isMount === true,
    csi,
    bootId: text('bootId'),
    phase,
    seen: decodeSeen(value.seen),
  };
}

function readText(value: JsonObject, name: string): string {
  const field = value[name];
  return typeof field === 'string' ? field : '';
}

function decodeIdentity(value: JsonObject): StagedIdentity {
  const { attachmentUid } = value;
  return {
    lifecycle: value.lifecycle === 'Ephemeral' ? 'Ephemeral' : 'Persistent',
    volume: readText(value, 'volume'),
    driver: readText(value, 'driver'),
    handle: readText(value, 'handle'),
    persistentVolume: readText(value, 'persistentVolume'),
    mode: value.mode === 'Block' ? 'Block' : 'Filesystem',
    needsAttach: value.needsAttach === true,
    needsStage: value.needsStage === true,
    stagePath: readText(value, 'stagePath'),
    attachmentUid: typeof attachmentUid === 'string' ? attachmentUid : undefined,
  };
}

function decodeSeen(value: JsonObject[string]): SeenMount | undefined {
  if (!isJsonObject(value) || typeof value.mountId !== 'number') return undefined;
  const { mountId } = value;
  return { mountId, device: readText(value, 'device'), source: readText(value, 'source') };
}
