// The Leases under which stock sidecars elect their leader. Ours stand for election under the same names, so that of
// a stock sidecar and our loop for one driver only one works at a time.
// Rule ATC14 is carried out here too.

/** A loop whose role a stock sidecar has. */
export type SidecarRole = 'provisioner' | 'attacher' | 'resizer' | 'snapshotter';

const PREFIX: Readonly<Record<SidecarRole, string>> = {
  provisioner: '',
  attacher: 'external-attacher-leader-',
  resizer: 'external-resizer-',
  snapshotter: 'external-snapshotter-leader-',
};

/** `external-attacher-leader-ebs-csi-aws-com`: the driver's name with what a Lease's name cannot hold made `-`. */
export function sidecarLeaseName(role: SidecarRole, driver: string): string {
  const name = `${PREFIX[role]}${driver}`.replace(/[^a-zA-Z0-9-]/g, '-');
  return name.endsWith('-') ? `${name}X` : name;
}
