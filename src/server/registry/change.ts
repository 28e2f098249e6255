// The one way an existing object is changed: read, work out the new object, commit if nobody was faster, else once
// more from what is there now. Removing the last finalizer of a deleted object removes it in that same write.
import { isStoredAs } from '#api/encode.ts';
import type { JsonObject, JsonValue } from '#api/json.ts';
import { conflict, notFound } from '#api/status.ts';
import { assert } from '#base/assert.ts';
import type { Charge } from '../admit/quota.ts';
import type { StoredObject } from '../watch-cache/stored-object.ts';
import { written } from './create.ts';
import type { RegistryDeps } from './deps.ts';
import type { Target } from './target.ts';
import { objectKey } from './keys.ts';
import { encodeStored, finalizersOf, metadataOf, metaText } from './stored-form.ts';

const ATTEMPTS = 16;

export type Change =
  | { readonly kind: 'put'; readonly object: JsonObject }
  | { readonly kind: 'remove' }
  | { readonly kind: 'keep' };

export type Changed =
  | { readonly kind: 'stored'; readonly stored: StoredObject }
  /** `last`: the object as it was. */
  | { readonly kind: 'removed'; readonly last: StoredObject };

export interface ChangeOptions {
  readonly dryRun: boolean;
  /** The change asks for something that a quota may refuse; else what it uses is only written down. */
  readonly isChecked?: boolean;
}

type Decide = (old: StoredObject) => Change;

/** Applies `decide` to the newest state of `target`. It may run several times and throws what is to be answered. */
export async function changeObject(
  deps: RegistryDeps,
  target: Target,
  options: ChangeOptions,
  decide: Decide,
): Promise<Changed> {
  const first = await tryChange(deps, target, { ...options, decide, mayCharge: false });
  if (first !== 'charges') return first;
  return deps.turns.run(target.namespace ?? '', async () => {
    const second = await tryChange(deps, target, { ...options, decide, mayCharge: true });
    assert(second !== 'charges', 'a change whose turn it is may charge quotas');
    return second;
  });
}

/** 'charges': the change also changes a quota, and has to wait for its turn. */
async function tryChange(
  deps: RegistryDeps,
  target: Target,
  options: ChangeOptions & { readonly decide: Decide; readonly mayCharge: boolean },
): Promise<Changed | 'charges'> {
  const { resource } = target.definition;
  const key = objectKey(resource, target.namespace, target.name);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await deps.cache.fresh();
    const old = deps.cache.get(target.definition, target.namespace, target.name);
    if (old === undefined) throw notFound(resource, target.name);
    const change = options.decide(old);
    const charge = chargeOf(deps, target, { old, change, isChecked: options.isChecked ?? false });
    if (charge.writes.length > 0 && !options.mayCharge) return 'charges';
    const result = await commitChange(deps, target, { key, old, change, charge, dryRun: options.dryRun });
    if (result !== undefined) return result;
  }
  throw conflict(resource, target.name);
}

function chargeOf(
  deps: RegistryDeps,
  target: Target,
  {
    old,
    change,
    isChecked,
  }: { readonly old: StoredObject; readonly change: Change; readonly isChecked: boolean },
): Charge {
  if (change.kind === 'keep' || target.namespace === undefined) return { compare: [], writes: [] };
  const goes = change.kind === 'remove' || isFinished(change.object);
  const after = goes ? undefined : change.object;
  return deps.admission.charge(target, { before: old.object, after, isChecked });
}

/** Undefined: somebody else wrote first. */
async function commitChange(
  deps: RegistryDeps,
  target: Target,
  step: {
    readonly key: string;
    readonly old: StoredObject;
    readonly change: Change;
    readonly charge: Charge;
    readonly dryRun: boolean;
  },
): Promise<Changed | undefined> {
  const { key, old, change, charge } = step;
  const compare = [{ key, modRevision: old.revision }, ...charge.compare];
  if (change.kind === 'keep') return { kind: 'stored', stored: old };
  if (change.kind === 'remove' || isFinished(change.object)) {
    if (step.dryRun) return { kind: 'removed', last: old };
    const result = await deps.store.commit({
      compare,
      writes: [{ kind: 'delete', key }, ...charge.writes],
    });
    return result.kind === 'conflict' ? undefined : { kind: 'removed', last: old };
  }
  const value = encodeStored(target.definition, change.object);
  if (isStoredAs(old.bytes, value)) {
    return { kind: 'stored', stored: old };
  }
  if (step.dryRun) return { kind: 'stored', stored: written(key, value, 0) };
  const result = await deps.store.commit({
    compare,
    writes: [{ kind: 'put', key, value }, ...charge.writes],
  });
  if (result.kind === 'conflict') return undefined;
  return { kind: 'stored', stored: written(key, value, result.revision) };
}

/** True for a deleted object that nothing holds any more: no finalizer, no namespace finalizer, no grace period. */
export function isFinished(object: JsonObject): boolean {
  if (metaText(object, 'deletionTimestamp') === '') return false;
  const grace = metadataOf(object).deletionGracePeriodSeconds;
  return finalizersOf(object).length === 0 && specFinalizers(object).length === 0 && (grace ?? 0) === 0;
}

/** A namespace's spec.finalizers: its content is still being removed. No other kind has them. */
export function specFinalizers(object: JsonObject): readonly JsonValue[] {
  const spec = object.spec;
  const value = object.kind === 'Namespace' && isSpec(spec) ? spec.finalizers : undefined;
  return Array.isArray(value) ? value : [];
}

function isSpec(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
