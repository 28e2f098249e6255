// Admission: what the server adds to an object and what it refuses beyond validation, always on the final object and
// for every verb. Each rule is a file; this one runs them in order.
import type { JsonObject } from '#api/json.ts';
import type { KindDefinition } from '#api/kind.ts';
import type { UserInfo } from '#api/request.ts';
import type { Compare } from '#store/store.ts';
import type { Target } from '../registry/deps.ts';
import type { StoredObject } from '../watch-cache/stored-object.ts';
import { refuseClaimExpansion } from './claim-expansion.ts';
import { addDefaultClass } from './default-storage-class.ts';
import { admitIntoNamespace, refuseImmortalNamespace } from './namespace-lifecycle.ts';
import { restrictNodeCreate, restrictNodeUpdate } from './node-restriction.ts';
import { addPodDefaults } from './pod-defaults.ts';
import { addProtection } from './storage-protection.ts';

export interface Admitted {
  readonly object: JsonObject;
  /** What the decision relied on: the commit must fail when it has changed (CVE-2024-7598). */
  readonly guards: readonly Compare[];
  readonly warnings: readonly string[];
}

export interface Admission {
  create(target: Target, object: JsonObject, user: UserInfo): Admitted;
  update(
    target: Target,
    object: JsonObject,
    old: JsonObject,
    options: { readonly subresource: string | undefined; readonly user: UserInfo },
  ): Pick<Admitted, 'object' | 'warnings'>;
  delete(target: Target, object: JsonObject, user: UserInfo): void;
}

/** The newest state, as admission rules read it. */
export interface AdmissionView {
  get(plural: string, namespace: string | undefined, name: string): StoredObject | undefined;
  all(plural: string): Iterable<StoredObject>;
}

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

/** A rule that completes a new object. */
export type CreateRule = (target: Target, object: JsonObject, view: AdmissionView) => JsonObject;

/** True for the core kind `plural`. */
export function isCore(definition: KindDefinition, plural: string): boolean {
  return definition.resource.group === '' && definition.resource.plural === plural;
}
