// Which CSIStorageCapacity objects there should be: one for each class of the driver and each segment in which the
// driver runs (PRV75). Pure.
import type { CSIDriver, CSIStorageCapacity, StorageClass } from '#api/generated/storage-v1.ts';
import type { Stored } from '#api/object.ts';
import { sha256Hex } from '#base/sha256.ts';
import { bindsOnFirstConsumer } from '#rules/storage-class.ts';
import { segmentsOfNode, type TopologySegments } from '#rules/topology.ts';
import type { NodeTopology } from '../topology-requirement.ts';

export const DRIVER_LABEL = 'csi.storage.k8s.io/drivername';
export const MANAGER_LABEL = 'csi.storage.k8s.io/managed-by';

/** One object that there should be. */
export interface WantedCapacity {
  readonly name: string;
  readonly className: string;
  /** Empty: the driver has no topology, and one number holds for all nodes. */
  readonly segments: TopologySegments;
  readonly parameters: Readonly<Record<string, string>>;
}

export interface WantedObjects {
  /** The driver's object, which owns them; undefined: it has none. */
  readonly owner: Stored<CSIDriver> | undefined;
  readonly byName: ReadonlyMap<string, WantedCapacity>;
}

export interface CapacityOptions {
  /** Classes that bind at once as well: nothing reads their objects but a person (upstream's default is false). */
  readonly forImmediateBinding: boolean;
}

/** All objects that there should be, by name. */
export function wantedCapacities(
  driver: Stored<CSIDriver> | undefined,
  classes: Iterable<Stored<StorageClass>>,
  nodes: readonly NodeTopology[],
  options: CapacityOptions,
): ReadonlyMap<string, WantedCapacity> {
  const wanted = new Map<string, WantedCapacity>();
  if (driver?.spec.storageCapacity !== true) return wanted; // PRV76
  const segments = segmentsOf(driver.metadata.name, nodes);
  for (const storageClass of classes) {
    if (storageClass.provisioner !== driver.metadata.name) continue;
    if (!options.forImmediateBinding && !bindsOnFirstConsumer(storageClass)) continue;
    const className = storageClass.metadata.name;
    for (const place of segments) {
      const name = capacityName(driver.metadata.name, className, place);
      const parameters = forDriver(storageClass.parameters ?? {});
      wanted.set(name, { name, className, segments: place, parameters });
    }
  }
  return wanted;
}

function segmentsOf(driver: string, nodes: readonly NodeTopology[]): readonly TopologySegments[] {
  const distinct = new Map<string, TopologySegments>();
  for (const { node, csiNode } of nodes) {
    const entry = csiNode.spec.drivers.find(({ name }) => name === driver);
    const segments = entry === undefined ? undefined : segmentsOfNode(node, entry.topologyKeys ?? []);
    if (segments !== undefined) distinct.set(textOf(segments), segments);
  }
  return [...distinct.values()];
}

/** The same name for the same class and segment, so that a create after a crash finds what is there. */
export function capacityName(driver: string, className: string, segments: TopologySegments): string {
  return `csisc-${sha256Hex(`${driver}\n${className}\n${textOf(segments)}`).slice(0, 40)}`;
}

function textOf(segments: TopologySegments): string {
  return JSON.stringify(Object.entries(segments).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What steers the orchestrator never reaches the driver (PRV31). */
function forDriver(parameters: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const isOwn = (key: string): boolean =>
    key.startsWith('csi.storage.k8s.io/') || key.toLowerCase() === 'fstype';
  return Object.fromEntries(Object.entries(parameters).filter(([key]) => !isOwn(key)));
}

/** What the driver says about one segment. */
export interface CapacityAnswer {
  readonly capacity: string;
  readonly maximumVolumeSize: string | undefined;
}

/** The object for an answer, on top of what is stored. */
export function capacityObject(
  wanted: WantedCapacity,
  answer: CapacityAnswer,
  owner: { readonly driver: Stored<CSIDriver>; readonly namespace: string; readonly manager: string },
): CSIStorageCapacity {
  const { name, uid } = owner.driver.metadata;
  return {
    metadata: {
      name: wanted.name,
      namespace: owner.namespace,
      labels: { [DRIVER_LABEL]: name, [MANAGER_LABEL]: owner.manager },
      ownerReferences: [{ apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', name, uid }],
    },
    storageClassName: wanted.className,
    nodeTopology: { matchLabels: { ...wanted.segments } },
    capacity: answer.capacity,
    ...(answer.maximumVolumeSize === undefined ? {} : { maximumVolumeSize: answer.maximumVolumeSize }),
  };
}
