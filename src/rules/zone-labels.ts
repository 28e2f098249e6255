// Zone and region labels on volumes, from the time before nodeAffinity: a volume so labelled is used only from nodes with
// one of the named values.
import type { Node, PersistentVolume } from '#api/generated/core-v1.ts';

const ZONE = 'topology.kubernetes.io/zone';
const REGION = 'topology.kubernetes.io/region';
const OLD_ZONE = 'failure-domain.beta.kubernetes.io/zone';
const OLD_REGION = 'failure-domain.beta.kubernetes.io/region';
const KEYS = [ZONE, REGION, OLD_ZONE, OLD_REGION];
const OLD_TO_NEW: Readonly<Record<string, string>> = { [OLD_ZONE]: ZONE, [OLD_REGION]: REGION };
const NEW_TO_OLD: Readonly<Record<string, string>> = { [ZONE]: OLD_ZONE, [REGION]: OLD_REGION };

/** True for a volume with a label that this law looks at. */
export function hasZoneLabels({ metadata: { labels = {} } }: PersistentVolume): boolean {
  return KEYS.some((key) => Object.hasOwn(labels, key));
}

/**
 * The label of the volume that refuses the node; undefined: none does (RUL200). Values of a label are separated by
 * `__`; old and new names of a label mean the same on a node (RUL201); a node without any zone or region label is not
 * asked, as it has no zones (RUL202).
 */
export function refusingZoneLabel(volume: PersistentVolume, node: Node): string | undefined {
  const labels = volume.metadata.labels ?? {};
  const places = node.metadata.labels ?? {};
  if (!KEYS.some((key) => Object.hasOwn(places, key))) return undefined;
  return KEYS.find((key) => {
    if (!Object.hasOwn(labels, key)) return false;
    const allowed = new Set((labels[key] ?? '').split('__').map((value) => value.trim()));
    const other = OLD_TO_NEW[key] ?? NEW_TO_OLD[key] ?? key;
    const place = places[key] ?? places[other];
    return place === undefined || !allowed.has(place);
  });
}
