// Which volumes of this node are to grow, and how large each is known to be here. Memory only: what a restart forgets is
// read again from the claims, and a call too many does nothing.
import type { VolumeKey } from './view.ts';

export class Growth {
  readonly #wanted = new Set<VolumeKey>();
  readonly #sizes = new Map<VolumeKey, string>();
  readonly #refused = new Set<VolumeKey>();

  /** True while NodeExpandVolume is due for a published volume. */
  isWanted(key: VolumeKey): boolean {
    return this.#wanted.has(key);
  }

  want(key: VolumeKey): void {
    if (!this.#refused.has(key)) this.#wanted.add(key);
  }

  /** The driver cannot grow it as it is mounted now: not again before it was unstaged (CSI NodeExpandVolume). */
  refuse(key: VolumeKey): void {
    this.#refused.add(key);
    this.#wanted.delete(key);
  }

  isRefused(key: VolumeKey): boolean {
    return this.#refused.has(key);
  }

  settle(key: VolumeKey, size: string | undefined): void {
    this.#wanted.delete(key);
    if (size !== undefined) this.#sizes.set(key, size);
  }

  sizeOf(key: VolumeKey): string | undefined {
    return this.#sizes.get(key);
  }

  /** Nothing of the volume is here any more. */
  forget(key: VolumeKey): void {
    this.#wanted.delete(key);
    this.#sizes.delete(key);
    this.#refused.delete(key);
  }
}
