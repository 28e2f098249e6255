// Data sources in other namespaces are a feature behind a gate: while it is off a claim that names one is refused,
// instead of becoming an empty volume.
import { isJsonObject, type JsonObject } from '#api/json.ts';
import { forbidden } from '#api/status.ts';
import type { FeatureGates } from '#rules/feature-gates.ts';
import type { Target } from '../registry/target.ts';
import { isCore } from './admission-rule.ts';

export function refuseGatedDataSource(target: Target, claim: JsonObject, gates: FeatureGates): void {
  if (gates.CrossNamespaceVolumeDataSource || !isCore(target.definition, 'persistentvolumeclaims')) return;
  const ref = isJsonObject(claim.spec) ? claim.spec.dataSourceRef : undefined;
  const namespace = isJsonObject(ref) ? ref.namespace : undefined;
  if (typeof namespace !== 'string' || namespace === '') return;
  const why =
    'spec.dataSourceRef.namespace needs the feature gate CrossNamespaceVolumeDataSource, which is off';
  throw forbidden(target.definition.resource, target.name, why);
}
