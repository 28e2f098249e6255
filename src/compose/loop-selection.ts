// Which loops run: the syntax of kube-controller-manager's --controllers. Pure.

/** A loop that may be chosen, with the names under which Kubernetes has the same. */
export interface SelectableLoop {
  readonly name: string;
  readonly kubernetesNames: readonly string[];
  readonly onByDefault: boolean;
}

export interface LoopSelection {
  runs(loop: string): boolean;
  /** By its own name, not only by `*`: the operator's word that it may run beside a kube-controller-manager. */
  isNamed(loop: string): boolean;
}

/**
 * Reads `*,-name,name` (CMP1). As in Kubernetes the first word about a loop counts, and a loop without one runs when `*` is
 * there and it is on by default.
 */
export function parseLoopSelection(
  words: readonly string[],
  loops: readonly SelectableLoop[],
): LoopSelection | { readonly problem: string } {
  const said = new Map<string, boolean>();
  for (const word of words.filter((one) => one !== '*' && one !== '')) {
    const isOn = !word.startsWith('-');
    const name = isOn ? word : word.slice(1);
    const found = loops.filter((loop) => loop.name === name || loop.kubernetesNames.includes(name));
    if (found.length === 0) {
      return { problem: `loop "${name}" is unknown: known are ${loops.map((loop) => loop.name).join(', ')}` };
    }
    for (const loop of found) if (!said.has(loop.name)) said.set(loop.name, isOn);
  }
  const byDefault = words.includes('*')
    ? new Set(loops.filter(({ onByDefault }) => onByDefault).map(({ name }) => name))
    : new Set<string>();
  return {
    runs: (loop) => said.get(loop) ?? byDefault.has(loop),
    isNamed: (loop) => said.get(loop) === true,
  };
}
