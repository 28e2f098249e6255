// Storage that was once compiled into Kubernetes, and the CSI drivers that took it over.

/** In-tree provisioner to the CSI driver that Kubernetes translates it to (all locked on in 1.36). */
const MIGRATED: ReadonlyMap<string, string> = new Map([
  ['kubernetes.io/aws-ebs', 'ebs.csi.aws.com'],
  ['kubernetes.io/azure-disk', 'disk.csi.azure.com'],
  ['kubernetes.io/azure-file', 'file.csi.azure.com'],
  ['kubernetes.io/cinder', 'cinder.csi.openstack.org'],
  ['kubernetes.io/gce-pd', 'pd.csi.storage.gke.io'],
  ['kubernetes.io/portworx-volume', 'pxd.portworx.com'],
  ['kubernetes.io/vsphere-volume', 'csi.vsphere.vmware.com'],
]);

/** Removed without translation; a driver of another project serves the same storage. */
const REMOVED: ReadonlyMap<string, string> = new Map([['kubernetes.io/rbd', 'rbd.csi.ceph.com']]);

/** The driver to which volumes of an in-tree provisioner belong now (RUL140). */
export function migratedDriver(provisioner: string): string | undefined {
  return MIGRATED.get(provisioner);
}

/** The driver to name in a class instead of an in-tree provisioner; undefined: there is none (RUL141). */
export function successorOf(provisioner: string): string | undefined {
  return MIGRATED.get(provisioner) ?? REMOVED.get(provisioner);
}
