// The one way an existing object is changed: read, work out the new object, commit if nobody was faster, else once
// more from what is there now. Removing the last finalizer of a deleted object removes it in that same write.
import type { JsonObject, JsonValue } from '#api/json.ts';
import { conflict, notFound } from '#api/status.ts';
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

/** Applies `decide` to the newest state of `target`. It may run several times and throws what is to be answered. */
export async function changeObject(
  deps: RegistryDeps,
  target: Target,
  options: { readonly dryRun: boolean },
  decide: (old: StoredObject) => Change,
): Promise<Changed> {
  const { resource } = target.definition;
  const key = objectKey(resource, target.namespace, target.name);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await deps.cache.fresh();
    const old = deps.cache.get(target.definition, target.namespace, target.name);
    if (old === undefined) throw notFound(resource, target.name);
    const change = decide(old);
    const result = await commitChange(deps, target, { key, old, change, dryRun: options.dryRun });
    if (result !== undefined) return result;
  }
  throw conflict(resource, target.name);
}

/** Undefined: somebody else wrote first. */
async function commitChange(
  deps: RegistryDeps,
  target: Target,
  step: {
    readonly key: string;
    readonly old: StoredObject;
    readonly change: Change;
    readonly dryRun: boolean;
  },
): Promise<Changed | undefined> {
  const { key, old, change } = step;
  if (change.kind === 'keep') return { kind: 'stored', stored: old };
  if (change.kind === 'remove' || isFinished(change.object)) {
    if (step.dryRun) return { kind: 'removed', last: old };
    const result = await deps.store.commit({
      compare: [{ key, modRevision: old.revision }],
      writes: [{ kind: 'delete', key }],
    });
    return result.kind === 'conflict' ? undefined : { kind: 'removed', last: old };
  }
  const value = encodeStored(target.definition, change.object);
  if (Buffer.compare(value, encodeStored(target.definition, old.object)) === 0) {
    return { kind: 'stored', stored: old };
  }
  if (step.dryRun) return { kind: 'stored', stored: written(key, value, 0) };
  const result = await deps.store.commit({
    compare: [{ key, modRevision: old.revision }],
    writes: [{ kind: 'put', key, value }],
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
