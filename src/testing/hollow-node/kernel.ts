// The mounts of all hollow nodes: what a kernel would know. It outlives every agent, as mounts outlive a kubelet, and
// writes down what must never be (I-18, I-19).

export interface HollowMount {
  readonly node: string;
  readonly podUid: string;
  /** Driver and handle: one backend, however many objects name it. */
  readonly backend: string;
  readonly accessModes: readonly string[];
  readonly isReadOnly: boolean;
}

export class HollowKernel {
  readonly violations: string[] = [];
  readonly #byNode = new Map<string, Map<string, HollowMount>>();
  readonly #byBackend = new Map<string, Set<HollowMount>>();
  readonly #boots = new Map<string, number>();

  /** The boot that the node runs under. */
  bootId(node: string): string {
    return `${node}-boot-${this.#boots.get(node) ?? 1}`;
  }

  mounts(node: string): readonly HollowMount[] {
    return [...(this.#byNode.get(node)?.values() ?? [])];
  }

  mount(mount: HollowMount): void {
    this.#check(mount);
    const onNode = this.#byNode.get(mount.node) ?? new Map<string, HollowMount>();
    this.#byNode.set(mount.node, onNode.set(`${mount.podUid} ${mount.backend}`, mount));
    const ofBackend = this.#byBackend.get(mount.backend) ?? new Set();
    this.#byBackend.set(mount.backend, ofBackend.add(mount));
  }

  unmount(mount: HollowMount): void {
    this.#byNode.get(mount.node)?.delete(`${mount.podUid} ${mount.backend}`);
    this.#byBackend.get(mount.backend)?.delete(mount);
  }

  /** Takes the node's power: its mounts end, and it comes back under another boot. */
  powerOff(node: string): void {
    for (const mount of this.mounts(node)) this.unmount(mount);
    this.#boots.set(node, (this.#boots.get(node) ?? 1) + 1);
  }

  /** Volumes that a hollow driver attaches are counted here too, so that the checker sees both ends. */
  #check(mount: HollowMount): void {
    const others = [...(this.#byBackend.get(mount.backend) ?? [])];
    const has = (mode: string): boolean => mount.accessModes.includes(mode);
    const where = `"${mount.backend}" on node "${mount.node}"`;
    const elsewhere = others.find(({ node }) => node !== mount.node);
    if (elsewhere !== undefined && !has('ReadWriteMany') && !has('ReadOnlyMany')) {
      this.violations.push(`I-18: ${where} is mounted while node "${elsewhere.node}" has it`);
    }
    const otherPod = others.find(({ podUid }) => podUid !== mount.podUid);
    if (otherPod !== undefined && has('ReadWriteOncePod')) {
      this.violations.push(`I-18: ${where} is mounted for pod ${mount.podUid} beside pod ${otherPod.podUid}`);
    }
    const onlyReads = has('ReadOnlyMany') && mount.accessModes.length === 1;
    if (onlyReads && !mount.isReadOnly) this.violations.push(`I-19: ${where} is mounted to be written`);
  }
}
