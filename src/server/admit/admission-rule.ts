// What admission is made of: what it answers, what its rules may look at, and the form of a rule.
import type { JsonObject } from '#api/json.ts';
import type { KindDefinition } from '#api/kind.ts';
import type { UserInfo } from '#api/request.ts';
import type { Compare } from '#store/store.ts';
import type { Target } from '../registry/target.ts';
import type { Charge, Replacement } from './quota.ts';
import type { StoredObject } from '../watch-cache/stored-object.ts';

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
  /** True when writes of this kind here change a quota: they should take turns. */
  isCharged(target: Target): boolean;
  /** What a write that replaces one object by another adds to its commit. Throws 403 beyond a quota. */
  charge(target: Target, replacement: Replacement): Charge;
}

/** The newest state, as admission rules read it. */
export interface AdmissionView {
  get(plural: string, namespace: string | undefined, name: string): StoredObject | undefined;
  /** Of all namespaces, or of one. */
  all(plural: string, namespace?: string): Iterable<StoredObject>;
  /** The built-in kind `plural`. */
  definition(plural: string): KindDefinition | undefined;
}

/** A rule that completes a new object. */
export type CreateRule = (target: Target, object: JsonObject, view: AdmissionView) => JsonObject;

/** True for the core kind `plural`. */
export function isCore(definition: KindDefinition, plural: string): boolean {
  return definition.resource.group === '' && definition.resource.plural === plural;
}
