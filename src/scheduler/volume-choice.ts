// The free volumes for one claim in order of preference, found fast for each node. Local volumes reach one node each, so
// most are kept by the one label value that their nodeAffinity asks for, and a node looks only at those of its own.
import type { Node, NodeSelectorRequirement, PersistentVolume } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { volumeReachesNode } from '#rules/node-affinity.ts';
import { hasZoneLabels, refusingZoneLabel } from '#rules/zone-labels.ts';

type Volume = Stored<PersistentVolume>;

interface Ranked {
  readonly rank: number;
  readonly volume: Volume;
}

export class VolumeChoice {
  /** Those whose affinity is anything but one `In`. */
  readonly #general: Ranked[] = [];
  /** Label key to label value to volumes, each list in order of preference. */
  readonly #byLabel = new Map<string, Map<string, Ranked[]>>();

  /** `ranked`: the most preferred first. */
  constructor(ranked: readonly Volume[]) {
    for (const [rank, volume] of ranked.entries()) this.#add({ rank, volume });
  }

  /** The most preferred volume that reaches the node and is not taken. */
  firstFor(node: Node, taken: ReadonlySet<string>): Volume | undefined {
    const labels = node.metadata.labels ?? {};
    let best = firstOf(this.#general, node, taken);
    for (const [key, byValue] of this.#byLabel) {
      const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
      const found = value === undefined ? undefined : firstOf(byValue.get(value) ?? [], node, taken);
      if (found !== undefined && (best === undefined || found.rank < best.rank)) best = found;
    }
    return best?.volume;
  }

  #add(ranked: Ranked): void {
    const only = onlyRequirement(ranked.volume);
    if (only === undefined) {
      this.#general.push(ranked);
      return;
    }
    const byValue = this.#byLabel.get(only.key) ?? new Map<string, Ranked[]>();
    this.#byLabel.set(only.key, byValue);
    for (const value of new Set(only.values)) {
      const list = byValue.get(value) ?? [];
      list.push(ranked);
      byValue.set(value, list);
    }
  }
}

function firstOf(ranked: readonly Ranked[], node: Node, taken: ReadonlySet<string>): Ranked | undefined {
  return ranked.find(({ volume }) => !taken.has(volume.metadata.name) && reaches(volume, node));
}

/** True when nothing of the volume refuses the node: neither nodeAffinity nor an old zone label. */
export function reaches(volume: PersistentVolume, node: Node): boolean {
  return volumeReachesNode(volume, node) && refusingZoneLabel(volume, node) === undefined;
}

/** True when the volume may refuse some node. */
export function isPlaceBound(volume: PersistentVolume): boolean {
  return volume.spec?.nodeAffinity?.required !== undefined || hasZoneLabels(volume);
}

function onlyRequirement({ spec }: PersistentVolume): NodeSelectorRequirement | undefined {
  const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms;
  const [term] = terms ?? [];
  if (terms?.length !== 1 || term === undefined || (term.matchFields ?? []).length > 0) return undefined;
  const [only, ...more] = term.matchExpressions ?? [];
  return only?.operator === 'In' && more.length === 0 ? only : undefined;
}
