// Faults by chance: each call of a driver may be refused, lost on the way there or back, late, doubled, or failed after
// its effect. The same random numbers give the same faults.
import type { Random } from '#base/random.ts';
import type { CsiCall, Fault } from './scripted-csi.ts';

const FAULTS: readonly Fault[] = [
  { kind: 'lose-request' },
  { kind: 'lose-reply' },
  { kind: 'refuse', code: 'FAILED_PRECONDITION' },
  { kind: 'refuse', code: 'UNAVAILABLE' },
  { kind: 'refuse', code: 'ABORTED' },
  { kind: 'slow', afterMs: 2_000 },
  { kind: 'duplicate' },
  { kind: 'fail-after-effect', code: 'INTERNAL' },
];
// These only tell; what they say wrongly is another test's matter.
const QUIET = /GetCapabilities|GetInfo|^list|^get|^controllerGet/;

/** A hook that gives `rate` of all calls a fault. */
export function randomFaults(random: Random, rate: number): (call: CsiCall) => Fault | undefined {
  return ({ method }) => {
    if (QUIET.test(method) || random.fraction() >= rate) return undefined;
    return FAULTS[Math.floor(random.fraction() * FAULTS.length)];
  };
}
