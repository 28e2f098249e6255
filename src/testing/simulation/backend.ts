// The memory of the scripted driver, which outlives every process that calls it: volumes, snapshots, attachments and
// what each node has staged and published. It keeps the rules of the CSI specification and nothing else: what the
// orchestrator may not do is for the invariants to find (testing/invariants).
import { CsiError } from '#csi/csi-error.ts';

export interface BackendAttachment {
  readonly readonly: boolean;
  /** The CSI access mode that it was published with. */
  readonly mode: string;
}

export interface BackendVolume {
  readonly id: string;
  readonly name: string;
  bytes: bigint;
  readonly context: Readonly<Record<string, string>>;
  readonly segments: Readonly<Record<string, string>>;
  /** `snapshot/<id>` or `volume/<id>`; empty: it began blank. */
  readonly source: string;
  mutable: Readonly<Record<string, string>>;
  /** Node id to how it is attached there. */
  readonly attached: Map<string, BackendAttachment>;
}

export interface BackendSnapshot {
  readonly id: string;
  readonly name: string;
  readonly sourceId: string;
  readonly bytes: bigint;
  readonly groupId: string;
  readonly createdAt: number;
  /** Asked for this many more times before it is ready. */
  pollsUntilReady: number;
}

/** A path on a node where the driver has put something. */
export interface NodePath {
  readonly nodeId: string;
  readonly volumeId: string;
  readonly path: string;
  readonly kind: 'staged' | 'published';
  readonly readonly: boolean;
  readonly mode: string;
  readonly stagingPath: string;
}

export class Backend {
  readonly volumes = new Map<string, BackendVolume>();
  readonly snapshots = new Map<string, BackendSnapshot>();
  readonly groups = new Map<string, { readonly id: string; readonly name: string }>();
  readonly paths = new Map<string, NodePath>();
  /** Names whose volume was deleted: a volume of that name is never made again. */
  readonly deletedNames = new Set<string>();
  /** Bytes there are for volumes, per value of the topology key; absent: without bound. */
  readonly pools = new Map<string, bigint>();
  #next = 1;

  nextId(prefix: string): string {
    return `${prefix}-${this.#next++}`;
  }

  volume(id: string): BackendVolume {
    const found = this.volumes.get(id);
    if (found === undefined) throw new CsiError('NOT_FOUND', `volume "${id}" does not exist`);
    return found;
  }

  volumeByName(name: string): BackendVolume | undefined {
    return [...this.volumes.values()].find((volume) => volume.name === name);
  }

  pathKey(nodeId: string, path: string): string {
    return `${nodeId} ${path}`;
  }

  pathsOf(nodeId: string, volumeId: string): readonly NodePath[] {
    return [...this.paths.values()].filter((p) => p.nodeId === nodeId && p.volumeId === volumeId);
  }

  /** What is free in a pool; undefined: without bound. */
  freeIn(pool: string, key: string): bigint | undefined {
    const size = this.pools.get(pool);
    if (size === undefined) return undefined;
    const used = [...this.volumes.values()].filter((v) => v.segments[key] === pool);
    return used.reduce((rest, volume) => rest - volume.bytes, size);
  }

  /** The node's kernel ends: nothing of it is mounted any more. What is attached stays attached. */
  powerOff(nodeId: string): void {
    for (const [key, path] of this.paths) if (path.nodeId === nodeId) this.paths.delete(key);
  }
}
