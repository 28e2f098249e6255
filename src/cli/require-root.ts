// Mounting needs root: said before anything is touched.
import type { CliEffects } from '#compose/cli-effects.ts';
import { CommandError, EXIT } from './exit-codes.ts';

/** Throws with what would be right when this process is not root. `doing`: `run the demo`. */
export function requireRoot(effects: CliEffects, doing: string): void {
  if (effects.isRoot) return;
  throw new CommandError(
    EXIT.unavailable,
    `Cannot ${doing}: mounting file systems and making loop devices needs root, and this process is not root: ` +
      'run it again with sudo',
  );
}
