// Admission: what the server adds to an object and what it refuses beyond validation, always on the final object and
// for every verb. Each rule is a file; this one runs them in order.
import type { Admission, AdmissionView } from './admission-rule.ts';
import { refuseClaimExpansion } from './claim-expansion.ts';
import { addDefaultClass } from './default-storage-class.ts';
import { admitIntoNamespace, refuseImmortalNamespace } from './namespace-lifecycle.ts';
import { restrictNodeCreate, restrictNodeUpdate } from './node-restriction.ts';
import { addPodDefaults } from './pod-defaults.ts';
import { addProtection } from './storage-protection.ts';

export function createAdmission(view: AdmissionView): Admission {
  return {
    create(target, object, user) {
      restrictNodeCreate(target, user);
      const guards = admitIntoNamespace(view, target);
      const changed = [addPodDefaults, addDefaultClass, addProtection].reduce(
        (current, rule) => rule(target, current, view),
        object,
      );
      return { object: changed, guards, warnings: [] };
    },
    update(target, object, old, { subresource, user }) {
      restrictNodeUpdate(target, object, old, user);
      if (subresource === undefined) refuseClaimExpansion(target, object, old, view);
      return { object, warnings: [] };
    },
    delete(target) {
      refuseImmortalNamespace(target);
    },
  };
}
