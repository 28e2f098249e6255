// How many volumes of one CSI driver a node can have attached, counted as the scheduler counts them: by handle, once
// for each volume, whoever uses it.

/** The volumes of one driver on a node, by what identifies each. */
export interface VolumeIds {
  readonly size: number;
  has(id: string): boolean;
}

/** Ids with the number of reasons for which each is there; it goes with its last reason. */
export class CountedIds implements VolumeIds {
  readonly #reasons = new Map<string, number>();

  get size(): number {
    return this.#reasons.size;
  }

  has(id: string): boolean {
    return this.#reasons.has(id);
  }

  add(id: string): void {
    this.#reasons.set(id, (this.#reasons.get(id) ?? 0) + 1);
  }

  remove(id: string): void {
    const left = (this.#reasons.get(id) ?? 0) - 1;
    if (left > 0) this.#reasons.set(id, left);
    else this.#reasons.delete(id);
  }

  copy(): CountedIds {
    const other = new CountedIds();
    for (const [id, reasons] of this.#reasons) other.#reasons.set(id, reasons);
    return other;
  }
}

/**
 * True when the wanted volumes do not fit beside those present (RUL150). A volume that is there already takes no new
 * place, and a pod that adds none is never refused, even where the limit was lowered below what is there (RUL151).
 */
export function exceedsLimit(
  limit: number | undefined,
  present: VolumeIds | undefined,
  wanted: Iterable<string>,
): boolean {
  if (limit === undefined) return false;
  let added = 0;
  for (const id of wanted) if (present === undefined || !present.has(id)) added++;
  return added > 0 && (present?.size ?? 0) + added > limit;
}
