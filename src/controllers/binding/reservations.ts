// Volumes that a claim has chosen and whose write the cache does not show yet. Choosing and reserving happen in one
// synchronous step, so two claims in flight never choose the same volume. It only avoids useless conflicts: the write
// itself is conditional, so a lost reservation costs a retry and nothing else.

interface Reservation {
  readonly claimUid: string;
  /** The revision of the write, once it is known; the cache takes over from there. */
  readonly revision: number | undefined;
}

export class Reservations {
  readonly #byVolume = new Map<string, Reservation>();

  /** Holds the volume for the claim while its write is under way. */
  reserve(volume: string, claimUid: string): void {
    this.#byVolume.set(volume, { claimUid, revision: undefined });
  }

  /** The write succeeded: hold until a cache at `cacheRevision >= revision` shows it. */
  confirm(volume: string, claimUid: string, revision: number): void {
    this.#byVolume.set(volume, { claimUid, revision });
  }

  release(volume: string): void {
    this.#byVolume.delete(volume);
  }

  /** True when another claim holds the volume and a cache at `cacheRevision` does not show that yet. */
  isHeldByOther(volume: string, claimUid: string, cacheRevision: number): boolean {
    const held = this.#byVolume.get(volume);
    if (held === undefined) return false;
    if (held.revision !== undefined && cacheRevision >= held.revision) {
      this.#byVolume.delete(volume);
      return false;
    }
    return held.claimUid !== claimUid;
  }
}
