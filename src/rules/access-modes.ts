// Access modes: what a volume must offer for a claim, and which volumes may be attached to several nodes at once.

/** True when every requested mode is among the offered ones; the order of either does not matter (RUL1). */
export function offersModes(offered: readonly string[], requested: readonly string[]): boolean {
  return requested.every((mode) => offered.includes(mode));
}

/** How many modes a volume offers beyond those requested: volumes with fewer are taken first (RUL2). */
export function extraModes(offered: readonly string[], requested: readonly string[]): number {
  return new Set(offered.filter((mode) => !requested.includes(mode))).size;
}

/** True when the volume may be attached to several nodes: it offers a many-node mode, or says nothing (RUL3). */
export function mayAttachToManyNodes(modes: readonly string[] | undefined): boolean {
  if (modes === undefined || modes.length === 0) return true;
  return modes.includes('ReadWriteMany') || modes.includes('ReadOnlyMany');
}

/** True for a volume or claim that one pod at a time may use (RUL4). */
export function isOnePodOnly(modes: readonly string[] | undefined): boolean {
  return modes?.includes('ReadWriteOncePod') ?? false;
}
