// In-flight limits. The control plane and administrators are exempt and nodes have a pool of their own, so a flood of
// anyone else cannot cost a heartbeat or a binding (api-behaviour 5.4). Long-running requests (watch, log, exec) are
// not counted here: the watch cache bounds watchers, the nodes bound streams.
import type { UserInfo } from '#api/request.ts';

export interface InFlightLimits {
  readonly reads: number;
  readonly writes: number;
  readonly nodes: number;
}

export const DEFAULT_LIMITS: InFlightLimits = { reads: 400, writes: 200, nodes: 600 };

export interface FlowControl {
  /** Takes a place; the returned function gives it back. Undefined: no place, answer 429. */
  enter(user: UserInfo | undefined, writes: boolean): (() => void) | undefined;
}

const EXEMPT = ['system:masters', 'holdfast:control-plane'];
const nothing = (): void => undefined;

export function createFlowControl(limits: InFlightLimits = DEFAULT_LIMITS): FlowControl {
  const inFlight = { reads: 0, writes: 0, nodes: 0 };
  return {
    enter(user, writes) {
      const groups = user?.groups ?? [];
      if (groups.some((group) => EXEMPT.includes(group))) return nothing;
      const pool = groups.includes('system:nodes') ? 'nodes' : writes ? 'writes' : 'reads';
      if (inFlight[pool] >= limits[pool]) return undefined;
      inFlight[pool] += 1;
      let left = false;
      return () => {
        if (!left) inFlight[pool] -= 1;
        left = true;
      };
    },
  };
}
