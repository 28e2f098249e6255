// Volumes that may be given away, kept in the order in which claims get them, so that a choice looks at a handful of
// volumes however many there are. One shelf per shape (class, volume mode, attributes class, access modes), each sorted
// by size and name; what a shelf offers first is the best of it (RUL31, RUL32).
import type { PersistentVolume, PersistentVolumeClaim } from '#api/generated/core-v1.ts';
import { quantityToBytes } from '#api/quantity.ts';
import { offersModes } from './access-modes.ts';
import { isFreeFor, requestedSize, sizeOf, volumeModeOf } from './match-volume.ts';
import { classOfClaim, classOfVolume } from './storage-class.ts';

interface Standing<V> {
  readonly bytes: bigint;
  readonly name: string;
  readonly volume: V;
}

interface Shelf<V> {
  readonly modes: readonly string[];
  readonly sorted: Standing<V>[];
}

export class FreeVolumes<V extends PersistentVolume> {
  readonly #shelves = new Map<string, Map<string, Shelf<V>>>();
  readonly #places = new Map<string, { readonly shelf: Shelf<V>; readonly standing: Standing<V> }>();

  /** The volume as it is now: takes it in, moves it or puts it away. */
  put(volume: V): void {
    const name = volume.metadata.name ?? '';
    this.remove(name);
    const isFree = volume.spec?.claimRef === undefined && volume.status?.phase === 'Available';
    if (!isFree || volume.metadata.deletionTimestamp !== undefined) return;
    const shelf = this.#shelfOf(volume);
    const standing = { bytes: quantityToBytes(sizeOf(volume)), name, volume };
    shelf.sorted.splice(placeIn(shelf.sorted, standing), 0, standing);
    this.#places.set(name, { shelf, standing });
  }

  remove(name: string): void {
    const place = this.#places.get(name);
    if (place === undefined) return;
    place.shelf.sorted.splice(placeIn(place.shelf.sorted, place.standing), 1);
    this.#places.delete(name);
  }

  /** Of each shape that can serve the claim, the first volume that fits and that the caller accepts. */
  candidates(claim: PersistentVolumeClaim, accepts: (volume: V) => boolean): readonly V[] {
    const shelves = this.#shelves.get(groupOf(claim, classOfClaim(claim)));
    const bytes = quantityToBytes(requestedSize(claim));
    const wants = claim.spec?.accessModes ?? [];
    const found: V[] = [];
    for (const { modes, sorted } of shelves?.values() ?? []) {
      if (!offersModes(modes, wants)) continue;
      for (let at = placeIn(sorted, { bytes, name: '' }); at < sorted.length; at++) {
        const volume = sorted[at]?.volume;
        // The caller's condition first: it is a look-up, and under load most of the first are about to be taken.
        if (volume === undefined || !accepts(volume) || !isFreeFor(volume, claim)) continue;
        found.push(volume);
        break;
      }
    }
    return found;
  }

  #shelfOf(volume: V): Shelf<V> {
    const group = groupOf(volume, classOfVolume(volume));
    const shelves = this.#shelves.get(group) ?? new Map<string, Shelf<V>>();
    this.#shelves.set(group, shelves);
    const modes = [...(volume.spec?.accessModes ?? [])].sort();
    const shelf = shelves.get(modes.join(' ')) ?? { modes, sorted: [] };
    shelves.set(modes.join(' '), shelf);
    return shelf;
  }
}

function groupOf(object: PersistentVolume | PersistentVolumeClaim, className: string): string {
  return `${className}\n${volumeModeOf(object)}\n${object.spec?.volumeAttributesClassName ?? ''}`;
}

/** Where `one` stands, or would stand. */
function placeIn(
  sorted: readonly { readonly bytes: bigint; readonly name: string }[],
  one: { readonly bytes: bigint; readonly name: string },
): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = sorted[middle];
    if (other !== undefined && isBefore(other, one)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isBefore(
  a: { readonly bytes: bigint; readonly name: string },
  b: { readonly bytes: bigint; readonly name: string },
): boolean {
  return a.bytes === b.bytes ? a.name < b.name : a.bytes < b.bytes;
}
