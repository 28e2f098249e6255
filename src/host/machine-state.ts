// What a machine looks like from outside: its mounts, loop devices and processes, to prove that nothing was left behind.

export interface MachineState {
  /** `mount point (type from source)`, one a mount. */
  readonly mounts: readonly string[];
  /** `/dev/loop3 (backing file)`. */
  readonly loops: readonly string[];
  /** `pid command line` of every process that runs in a mount namespace other than ours, or that names a marker. */
  readonly processes: readonly string[];
}

export interface MachineObserver {
  /** `marker`: a text (a data directory) that marks our own processes' command lines. */
  observe(marker: string): Promise<MachineState>;
}

export interface MachineDifference {
  readonly left: readonly string[];
  readonly missing: readonly string[];
}

/** What is in `after` and was not in `before`, and the reverse, each with its kind. */
export function compareMachine(before: MachineState, after: MachineState): MachineDifference {
  const kinds = ['mounts', 'loops', 'processes'] as const;
  const name = { mounts: 'mount', loops: 'loop device', processes: 'process' };
  const minus = (a: MachineState, b: MachineState): string[] =>
    kinds.flatMap((kind) => subtract(a[kind], b[kind]).map((line) => `${name[kind]} ${line}`));
  // A process of somebody else that ended meanwhile is no loss.
  return {
    left: minus(after, before),
    missing: minus(before, after).filter((line) => !line.startsWith('process')),
  };
}

/** Multiset difference: two equal mounts stacked on one point count twice. */
function subtract(from: readonly string[], what: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const line of what) counts.set(line, (counts.get(line) ?? 0) + 1);
  return from.filter((line) => {
    const count = counts.get(line) ?? 0;
    counts.set(line, count - 1);
    return count <= 0;
  });
}
