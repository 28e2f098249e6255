// The agent's own effects on the real machine, in one record for main.
import { realTree } from '#volumes/real/tree.ts';
import type { NodeEffects } from '../deps.ts';
import { realLogFiles } from './log-files.ts';
import { realProbeDialer } from './probe-dialer.ts';
import { realMachine } from './machine.ts';
import { realSocketDirectory } from './socket-directory.ts';

export function realNodeEffects(): NodeEffects {
  return {
    machine: realMachine(),
    sockets: realSocketDirectory(),
    logFiles: realLogFiles(),
    tree: realTree(),
    dialer: realProbeDialer(),
  };
}
