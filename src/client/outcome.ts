// What a reconciler returns, so that the one queue decides about retries and nobody else does.

/** The part of an informer that the queue looks at. */
export interface FollowedCache {
  readonly revision: number;
  /** Calls `reached` once when the cache has `revision`; returns the function that forgets it. Absent: is polled. */
  onRevision?(revision: number, reached: () => void): () => void;
}

export type Outcome =
  /** Nothing to do until something changes. A second pass writes nothing (law 10). */
  | { readonly kind: 'settled' }
  /**
   * A write was made. `wrote` is the resourceVersion of the newest write (absent: nothing to wait for); the queue
   * holds the key until the cache of that resource type has it, then runs the key again.
   */
  | {
      readonly kind: 'progressed';
      readonly wrote?: { readonly informer: FollowedCache; readonly resourceVersion: string };
    }
  /** Waiting for something that no event announces: look again after `retryAfterMs`. */
  | { readonly kind: 'blocked'; readonly because: string; readonly retryAfterMs: number }
  /** An operating error: the queue retries with back-off and logs with a level that rises with the delay. */
  | { readonly kind: 'failed'; readonly error: unknown };

export type Reconcile = (key: string, signal: AbortSignal) => Promise<Outcome>;
