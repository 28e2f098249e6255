// The controller service of the scripted driver over its backend: what each call does, once it is let through.
import type { Handlers, Sparse } from '#csi/client.ts';
import { CsiError } from '#csi/csi-error.ts';
import type {
  ControllerMethods,
  ControllerServiceCapabilityRPCType,
  CreateVolumeRequest,
  Topology,
  Volume,
  VolumeContentSource,
} from '#csi/generated/csi.ts';
import type { Backend, BackendVolume } from './backend.ts';
import { listSnapshots, snapshotCalls } from './snapshot-calls.ts';
import type { DriverTraits } from './traits.ts';

/** Modes in which more than one node may have a volume. */
const MANY_NODES = new Set(['MULTI_NODE_READER_ONLY', 'MULTI_NODE_SINGLE_WRITER', 'MULTI_NODE_MULTI_WRITER']);

/** The handlers; what they have done is done at once. */
export function controllerCalls(
  backend: Backend,
  traits: DriverTraits,
  now: () => number,
): Handlers<ControllerMethods> {
  return {
    ...volumeCalls(backend, traits),
    ...attachCalls(backend, traits),
    ...listCalls(backend, traits),
    ...snapshotCalls(backend, traits, now),
    listSnapshots: async (request) => listSnapshots(backend, request),
    controllerGetCapabilities: async () => ({
      capabilities: [...traits.controllerCapabilities].map((type) => ({
        // The set holds names as the tests write them; one that CSI does not know would not be encoded.
        rpc: { type: type as ControllerServiceCapabilityRPCType },
      })),
    }),
    validateVolumeCapabilities: async ({ volumeId, volumeCapabilities }) => {
      backend.volume(volumeId);
      return { confirmed: { volumeCapabilities }, message: '' };
    },
  };
}

function volumeCalls(
  backend: Backend,
  traits: DriverTraits,
): Pick<
  Handlers<ControllerMethods>,
  'createVolume' | 'deleteVolume' | 'controllerExpandVolume' | 'controllerModifyVolume'
> {
  return {
    createVolume: async (request) => ({ volume: messageOfVolume(makeVolume(backend, traits, request)) }),
    deleteVolume: async ({ volumeId }) => {
      const volume = backend.volumes.get(volumeId);
      if (volume === undefined) return {};
      if (volume.attached.size > 0) {
        const nodes = [...volume.attached.keys()].join(', ');
        throw new CsiError('FAILED_PRECONDITION', `volume "${volumeId}" is attached to ${nodes}`);
      }
      backend.volumes.delete(volumeId);
      backend.deletedNames.add(volume.name);
      return {};
    },
    controllerExpandVolume: async ({ volumeId, capacityRange }) => {
      const volume = backend.volume(volumeId);
      const wanted = BigInt(capacityRange?.requiredBytes ?? '0');
      if (wanted > volume.bytes) {
        refuseBeyond(traits, wanted);
        volume.bytes = wanted;
      }
      return { capacityBytes: String(volume.bytes), nodeExpansionRequired: traits.needsNodeExpansion };
    },
    controllerModifyVolume: async ({ volumeId, mutableParameters }) => {
      backend.volume(volumeId).mutable = { ...mutableParameters };
      return {};
    },
  };
}

function refuseBeyond(traits: DriverTraits, bytes: bigint): void {
  if (traits.maxVolumeBytes === undefined || bytes <= traits.maxVolumeBytes) return;
  throw new CsiError(
    'OUT_OF_RANGE',
    `${bytes} bytes are more than a volume can have: ${traits.maxVolumeBytes}`,
  );
}

function makeVolume(backend: Backend, traits: DriverTraits, request: CreateVolumeRequest): BackendVolume {
  const required = BigInt(request.capacityRange?.requiredBytes ?? '0');
  const bytes = required === 0n ? 1n << 30n : required;
  const source = sourceOf(backend, request.volumeContentSource);
  const existing = backend.volumeByName(request.name);
  if (existing !== undefined) {
    if (existing.bytes >= required && existing.source === source) return existing;
    throw new CsiError('ALREADY_EXISTS', `volume "${request.name}" exists with other arguments`);
  }
  refuseBeyond(traits, bytes);
  const segments = chooseSegments(backend, traits, bytes, request);
  const volume: BackendVolume = {
    id: backend.nextId('vol'),
    name: request.name,
    bytes,
    context: { made: request.name },
    segments,
    source,
    mutable: { ...request.mutableParameters },
    attached: new Map(),
  };
  backend.volumes.set(volume.id, volume);
  return volume;
}

function sourceOf(backend: Backend, source: VolumeContentSource | null): string {
  const snapshot = source?.snapshot?.snapshotId;
  if (snapshot !== undefined) {
    if (!backend.snapshots.has(snapshot)) throw new CsiError('NOT_FOUND', `no snapshot "${snapshot}"`);
    return `snapshot/${snapshot}`;
  }
  const volume = source?.volume?.volumeId;
  return volume === undefined ? '' : `volume/${backend.volume(volume).id}`;
}

function chooseSegments(
  backend: Backend,
  traits: DriverTraits,
  bytes: bigint,
  request: CreateVolumeRequest,
): Readonly<Record<string, string>> {
  const { topologyKey } = traits;
  const asked = request.accessibilityRequirements;
  const choices: readonly Topology[] = asked === null ? [] : [...asked.preferred, ...asked.requisite];
  const pools = topologyKey === undefined ? [''] : choices.map(({ segments }) => segments[topologyKey] ?? '');
  const pool = (pools.length === 0 ? [''] : pools).find((candidate) => {
    const free = backend.freeIn(candidate, topologyKey ?? '');
    return free === undefined || free >= bytes;
  });
  if (pool === undefined) throw new CsiError('RESOURCE_EXHAUSTED', `no pool has ${bytes} bytes`);
  return topologyKey === undefined || pool === '' ? {} : { [topologyKey]: pool };
}

function attachCalls(
  backend: Backend,
  traits: DriverTraits,
): Pick<Handlers<ControllerMethods>, 'controllerPublishVolume' | 'controllerUnpublishVolume'> {
  return {
    controllerPublishVolume: async ({ volumeId, nodeId, readonly, volumeCapability }) => {
      const volume = backend.volume(volumeId);
      const mode = volumeCapability?.accessMode?.mode ?? 'UNKNOWN';
      const others = [...volume.attached.keys()].filter((id) => id !== nodeId);
      if (others.length > 0 && !MANY_NODES.has(mode)) {
        throw new CsiError('FAILED_PRECONDITION', `volume "${volumeId}" is attached to ${others.join(', ')}`);
      }
      const held = [...backend.volumes.values()].filter((v) => v.attached.has(nodeId) && v !== volume);
      if (traits.maxVolumesPerNode > 0 && held.length >= traits.maxVolumesPerNode) {
        throw new CsiError('RESOURCE_EXHAUSTED', `node "${nodeId}" has ${held.length} volumes, no more fit`);
      }
      volume.attached.set(nodeId, { readonly, mode });
      return { publishContext: { device: `/dev/${volumeId}` } };
    },
    controllerUnpublishVolume: async ({ volumeId, nodeId }) => {
      backend.volumes.get(volumeId)?.attached.delete(nodeId);
      return {};
    },
  };
}

function listCalls(
  backend: Backend,
  traits: DriverTraits,
): Pick<Handlers<ControllerMethods>, 'listVolumes' | 'controllerGetVolume' | 'getCapacity'> {
  return {
    listVolumes: async ({ maxEntries, startingToken }) => {
      const all = [...backend.volumes.values()];
      const start = startingToken === '' ? 0 : Number(startingToken);
      if (!Number.isSafeInteger(start))
        throw new CsiError('ABORTED', `"${startingToken}" is no token of ours`);
      const end = maxEntries > 0 ? start + maxEntries : all.length;
      return {
        entries: all.slice(start, end).map((volume) => ({
          volume: messageOfVolume(volume),
          status: { publishedNodeIds: [...volume.attached.keys()] },
        })),
        nextToken: end < all.length ? String(end) : '',
      };
    },
    controllerGetVolume: async ({ volumeId }) => {
      const volume = backend.volume(volumeId);
      return {
        volume: messageOfVolume(volume),
        status: { publishedNodeIds: [...volume.attached.keys()] },
      };
    },
    getCapacity: async ({ accessibleTopology }) => {
      const key = traits.topologyKey ?? '';
      const free = backend.freeIn(accessibleTopology?.segments[key] ?? '', key) ?? 1n << 50n;
      return { availableCapacity: String(free < 0n ? 0n : free) };
    },
  };
}

function messageOfVolume(volume: BackendVolume): Sparse<Volume> {
  const [kind, id] = volume.source.split('/');
  const source = kind === 'snapshot' ? { snapshot: { snapshotId: id } } : { volume: { volumeId: id } };
  const hasTopology = Object.keys(volume.segments).length > 0;
  return {
    volumeId: volume.id,
    capacityBytes: String(volume.bytes),
    volumeContext: volume.context,
    contentSource: volume.source === '' ? null : source,
    accessibleTopology: hasTopology ? [{ segments: volume.segments }] : [],
  };
}
