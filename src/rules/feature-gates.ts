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

/** Reads `Name=true,Other=false` on top of the defaults, as `--feature-gates` has it (RUL240). */
export function parseFeatureGates(text: string): FeatureGates | { readonly problem: string } {
  const gates: Record<string, boolean> = { ...DEFAULT_GATES };
  for (const part of text.split(',').filter((one) => one !== '')) {
    const [name = '', value = ''] = part.split('=').map((one) => one.trim());
    if (!Object.hasOwn(gates, name)) {
      return {
        problem: `feature gate "${name}" is unknown: known are ${Object.keys(DEFAULT_GATES).join(', ')}`,
      };
    }
    if (value !== 'true' && value !== 'false') {
      return { problem: `feature gate "${name}" is "${value}": true or false is needed` };
    }
    gates[name] = value === 'true';
  }
  return { ...DEFAULT_GATES, ...gates };
}
