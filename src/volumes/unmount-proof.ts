// The permission to take down what stands at a path (law 4). The agent alone makes one, from live reads
// (agent/world/unmount-proof.ts); whoever unmounts, calls a driver or removes demands it and checks what it is about.
import { assert } from '#base/assert.ts';
import type { Brand } from '#base/brand.ts';

export type UnmountProof = Brand<
  {
    /** The path that may be taken down: a target, a stage path, a pod's directory. */
    readonly subject: string;
    /** What was read, for the log: names, versions and facts only. */
    readonly evidence: readonly string[];
  },
  'UnmountProof'
>;

/** A proof about another path proves nothing. */
export function checkProof(proof: UnmountProof, path: string): void {
  assert(proof.subject === path, `what is taken down ("${path}") is what the proof is about`);
}
