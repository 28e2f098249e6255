// Admission: what the server adds to an object and what it refuses beyond validation, always on the final object and
// for every verb. Each rule is a file; this one runs them in order.
import type { FeatureGates } from '#rules/feature-gates.ts';
import type { Admission, AdmissionView } from './admission-rule.ts';
import { refuseClaimExpansion } from './claim-expansion.ts';
import { refuseGatedDataSource } from './data-source.ts';
import { refuseBuiltInRemoval } from './built-in-definitions.ts';
import { addDefaultClass } from './default-storage-class.ts';
import { refuseOutOfLimits } from './limit-range.ts';
import { admitIntoNamespace, refuseImmortalNamespace } from './namespace-lifecycle.ts';
import { restrictNodeCreate, restrictNodeUpdate } from './node-restriction.ts';
import { addPodDefaults } from './pod-defaults.ts';
import { addPriority, refuseSecondDefault, refuseSystemClassRemoval } from './priority.ts';
import { chargeQuotas, isCharged } from './quota.ts';
import { addProtection } from './storage-protection.ts';

const COMPLETIONS = [addPodDefaults, addPriority, addDefaultClass, addProtection];

export function createAdmission(view: AdmissionView, gates: FeatureGates): Admission {
  return {
    create(target, object, user) {
      restrictNodeCreate(target, user);
      const guards = admitIntoNamespace(view, target);
      const changed = COMPLETIONS.reduce((current, rule) => rule(target, current, view), object);
      refuseGatedDataSource(target, changed, gates);
      refuseSecondDefault(target, changed, view);
      refuseOutOfLimits(target, { claim: changed, old: undefined }, view);
      return { object: changed, guards, warnings: [] };
    },
    update(target, object, old, { subresource, user }) {
      restrictNodeUpdate(target, object, old, user);
      if (subresource === undefined) {
        refuseClaimExpansion(target, object, old, view);
        refuseSecondDefault(target, object, view);
        refuseOutOfLimits(target, { claim: object, old }, view);
      }
      return { object, warnings: [] };
    },
    delete(target) {
      refuseImmortalNamespace(target);
      refuseSystemClassRemoval(target);
      refuseBuiltInRemoval(target);
    },
    isCharged: (target) => isCharged(view, target),
    charge: (target, replacement) => chargeQuotas(view, target, replacement),
  };
}
