// The switches of features that Kubernetes 1.36 has not switched on by default, under the same names. What is on there
// is on here and has no gate.

export interface FeatureGates {
  /** Claims filled from a snapshot or claim of another namespace, where a ReferenceGrant allows it (KEP-3294). */
  readonly CrossNamespaceVolumeDataSource: boolean;
  /** The `Unused` condition of claims that no pod uses (KEP-5541). */
  readonly PersistentVolumeClaimUnusedSinceTime: boolean;
  /** Of several nodes on which a volume can be made, the scheduler prefers the emptiest storage (KEP-4049). */
  readonly StorageCapacityScoring: boolean;
}

export const DEFAULT_GATES: FeatureGates = {
  CrossNamespaceVolumeDataSource: false,
  PersistentVolumeClaimUnusedSinceTime: false,
  StorageCapacityScoring: false,
};
