// What the results of a container's probes mean: started, ready, sick. Pure. Rules AGT78 to AGT80.
import type { Container, Probe } from '#api/generated/core-v1.ts';

export type ProbeKind = 'startup' | 'liveness' | 'readiness';

export const PROBE_KINDS: readonly ProbeKind[] = ['startup', 'liveness', 'readiness'];

/** The last verdict, and how many results in a row have said the same since. */
export interface Verdict {
  readonly isGood: boolean | undefined;
  readonly row: { readonly isGood: boolean; readonly count: number };
}

export const NO_VERDICT: Verdict = { isGood: undefined, row: { isGood: true, count: 0 } };

export interface Health {
  readonly isStarted: boolean;
  readonly isReady: boolean;
  /** The probe that demands a restart. */
  readonly sick: 'startup' | 'liveness' | undefined;
}

/** The probe of a kind, when this node can run it. */
export function probeOf(container: Container, kind: ProbeKind): Probe | undefined {
  const probe = container[`${kind}Probe`];
  return (probe?.exec ?? probe?.httpGet ?? probe?.tcpSocket) ? probe : undefined;
}

/** Takes one more result in: a verdict changes only after as many results in a row as its threshold. */
export function advance(before: Verdict, isGood: boolean, probe: Probe): Verdict {
  const count = before.row.isGood === isGood ? before.row.count + 1 : 1;
  const threshold = (isGood ? probe.successThreshold : probe.failureThreshold) ?? (isGood ? 1 : 3);
  return { isGood: count >= threshold ? isGood : before.isGood, row: { isGood, count } };
}

/** `known`: what the API says of this run, kept until the first verdict of an agent that has just started. */
export function healthOf(
  container: Container,
  verdicts: ReadonlyMap<ProbeKind, Verdict>,
  known: { readonly isStarted: boolean; readonly isReady: boolean },
): Health {
  const verdict = (kind: ProbeKind): boolean | undefined => verdicts.get(kind)?.isGood;
  const hasStartup = probeOf(container, 'startup') !== undefined;
  const isStarted = !hasStartup || (verdict('startup') ?? known.isStarted);
  const hasReadiness = probeOf(container, 'readiness') !== undefined;
  const isReady = isStarted && (!hasReadiness || (verdict('readiness') ?? known.isReady));
  if (hasStartup && verdict('startup') === false)
    return { isStarted: false, isReady: false, sick: 'startup' };
  return { isStarted, isReady, sick: verdict('liveness') === false ? 'liveness' : undefined };
}
