// One node with everything that is promised on it. It is kept up to date by additions and removals, never summed anew:
// a pass over five thousand nodes must not look at fifty thousand pods. `generation` changes with every change, so that
// what was worked out from a node can be kept until the node differs.
import type { Node } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import type { CSINode } from '#api/generated/storage-v1.ts';
import { CountedIds, type VolumeIds } from '#rules/limits.ts';
import { type Amounts, amountsOf } from '#rules/pod-resources.ts';
import type { HostPort, PodFacts } from './pod-facts.ts';

/** A volume that counts on a node: its driver, and its handle or the claim it is still to be made for. */
export interface VolumeUse {
  readonly driver: string;
  readonly id: string;
}

/** A pod on a node, perhaps in memory only. */
export interface PlacedPod {
  readonly facts: PodFacts;
  readonly nodeName: string;
  readonly volumes: readonly VolumeUse[];
  /** The cache does not show it there yet. */
  readonly isAssumed: boolean;
}

/** What filters and scores see of a node. */
export interface NodeState {
  /** A small number of its own, for arrays beside the nodes. */
  readonly slot: number;
  readonly generation: number;
  readonly node: Stored<Node>;
  readonly csiNode: Stored<CSINode> | undefined;
  readonly allocatable: Amounts;
  readonly used: Amounts;
  /** Milli and bytes, containers without requests counted as a little. */
  readonly weight: { readonly cpu: number; readonly memory: number };
  readonly ports: readonly HostPort[];
  readonly pods: ReadonlyMap<string, PlacedPod>;
  volumesOf(driver: string): VolumeIds | undefined;
  /** The node as it would be without some of its pods and with others. */
  imagine(without: ReadonlySet<string>, more?: readonly PlacedPod[]): NodeState;
}

/** Told which volumes come to nodes and leave them. */
export interface VolumePlaces {
  came(use: VolumeUse, nodeName: string): void;
  left(use: VolumeUse, nodeName: string): void;
}

const NO_NODE: Stored<Node> = {
  metadata: { name: '', uid: '', resourceVersion: '', creationTimestamp: '' },
};

export class NodeInfo implements NodeState {
  readonly name: string;
  readonly slot: number;
  node = NO_NODE;
  csiNode: Stored<CSINode> | undefined;
  allocatable: Amounts = new Map();
  generation = 0;
  readonly pods = new Map<string, PlacedPod>();
  readonly used = new Map<string, bigint>();
  readonly weight = { cpu: 0, memory: 0 };
  ports: readonly HostPort[] = [];
  readonly #volumes = new Map<string, CountedIds>();
  readonly #places: VolumePlaces | undefined;

  constructor(name: string, slot: number, places?: VolumePlaces) {
    this.name = name;
    this.slot = slot;
    this.#places = places;
  }

  /** False for a name that only pods or a CSINode mention. */
  get isRegistered(): boolean {
    return this.node !== NO_NODE;
  }

  setNode(node: Stored<Node> | undefined): void {
    this.node = node ?? NO_NODE;
    this.allocatable = amountsOf(node?.status?.allocatable);
    this.generation++;
  }

  setCsiNode(csiNode: Stored<CSINode> | undefined): void {
    this.csiNode = csiNode;
    this.generation++;
  }

  addPod(placed: PlacedPod): void {
    const { facts, volumes } = placed;
    this.pods.set(facts.key, placed);
    this.#count(facts, 1n);
    if (facts.ports.length > 0) this.#readPorts();
    for (const use of volumes) this.addVolume(use);
    this.generation++;
  }

  removePod(key: string): void {
    const placed = this.pods.get(key);
    if (placed === undefined) return;
    this.pods.delete(key);
    this.#count(placed.facts, -1n);
    if (placed.facts.ports.length > 0) this.#readPorts();
    for (const use of placed.volumes) this.removeVolume(use);
    this.generation++;
  }

  addVolume(use: VolumeUse): void {
    const { driver, id } = use;
    const ids = this.#volumes.get(driver) ?? new CountedIds();
    if (!ids.has(id)) this.#places?.came(use, this.name);
    ids.add(id);
    this.#volumes.set(driver, ids);
    this.generation++;
  }

  removeVolume(use: VolumeUse): void {
    const { driver, id } = use;
    const ids = this.#volumes.get(driver);
    ids?.remove(id);
    if (ids?.has(id) !== true) this.#places?.left(use, this.name);
    if (ids?.size === 0) this.#volumes.delete(driver);
    this.generation++;
  }

  volumesOf(driver: string): VolumeIds | undefined {
    return this.#volumes.get(driver);
  }

  /** The node as it would be without some of its pods and with others. Attachments stay: they outlive their pods. */
  imagine(without: ReadonlySet<string>, more: readonly PlacedPod[] = []): NodeInfo {
    const other = new NodeInfo(this.name, -1);
    other.setNode(this.isRegistered ? this.node : undefined);
    other.setCsiNode(this.csiNode);
    for (const [driver, ids] of this.#volumes) other.#volumes.set(driver, ids.copy());
    for (const placed of this.pods.values()) {
      if (without.has(placed.facts.key)) for (const use of placed.volumes) other.removeVolume(use);
      else other.addPod({ ...placed, volumes: [] });
    }
    for (const placed of more) if (!other.pods.has(placed.facts.key)) other.addPod(placed);
    return other;
  }

  #count({ requests, weight }: PodFacts, sign: 1n | -1n): void {
    for (const [name, amount] of requests) this.used.set(name, (this.used.get(name) ?? 0n) + sign * amount);
    this.weight.cpu += Number(sign) * weight.cpu;
    this.weight.memory += Number(sign) * weight.memory;
  }

  #readPorts(): void {
    this.ports = [...this.pods.values()].flatMap(({ facts }) => facts.ports);
  }
}
