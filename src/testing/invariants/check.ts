// All invariants over one world: used after every cluster test and every simulation.
import { BINDING } from './binding.ts';
import { CALLS } from './calls.ts';
import { OBJECTS } from './objects.ts';
import { PROVISIONING } from './provisioning.ts';
import { RECLAIM } from './reclaim.ts';
import { STORE } from './store.ts';
import { findViolations, type Invariant, type World } from './world.ts';

/** Every invariant that a history can show, in the order of their numbers. */
export const INVARIANTS: readonly Invariant[] = [
  ...BINDING,
  ...RECLAIM,
  ...PROVISIONING,
  ...CALLS,
  ...OBJECTS,
  ...STORE,
];

/** Throws with every violation, one a line. */
export function checkInvariants(world: World): void {
  const found = findViolations(world, INVARIANTS);
  if (found.length === 0) return;
  const lines = found.map(
    ({ invariant, revision, message }) => `${invariant} at revision ${revision}: ${message}`,
  );
  throw new Error(`${found.length} violation(s)\n${[...new Set(lines)].join('\n')}`);
}
