// How much of a pod's images a node has already: upstream's ImageLocality, without its spread over nodes.
import type { Node, Pod } from '#api/generated/core-v1.ts';

const MIB = 1024 * 1024;
// Upstream's thresholds: below the first an image is quickly pulled, above the second size no longer matters.
const SMALL_IMAGE = 23 * MIB;
const LARGE_IMAGE = 1000 * MIB;

/** The images of the pod's containers, with their tags. */
export function imagesOf({ spec }: Pod): readonly string[] {
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].flatMap(({ image = '' }) =>
    image === '' ? [] : [withTag(image)],
  );
}

function withTag(image: string): string {
  return /[:@][^/]*$/.test(image) ? image : `${image}:latest`;
}

/** 0 to 100 by the bytes that need not be pulled there (SCH47). */
export function imageScore(images: readonly string[], { status }: Node): number {
  const present = status?.images ?? [];
  if (images.length === 0 || present.length === 0) return 0;
  let bytes = 0;
  for (const image of images) {
    bytes += present.find(({ names }) => names?.includes(image))?.sizeBytes ?? 0;
  }
  const most = LARGE_IMAGE * images.length;
  return Math.floor(
    (100 * (Math.min(most, Math.max(SMALL_IMAGE, bytes)) - SMALL_IMAGE)) / (most - SMALL_IMAGE),
  );
}
