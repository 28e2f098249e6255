// Delete: at once, after a grace period (pods), or when the last finalizer has gone. What is marked stays and says so.
import type { JsonObject } from '#api/json.ts';
import { isJsonObject } from '#api/json.ts';
import { preconditionFailed } from '#api/status.ts';
import { formatTime } from '#base/clock.ts';
import type { StoredObject } from '../watch-cache/stored-object.ts';
import { type Change, type Changed, changeObject, specFinalizers } from './change.ts';
import type { DeleteOptions } from './delete-options.ts';
import type { RegistryDeps, WriteOptions } from './deps.ts';
import type { Target } from './target.ts';
import { finalizersOf, metadataOf, metaText, withMetadata } from './stored-form.ts';

/** Deletes `target`. 'removed': it is gone; 'stored': it is marked and waits. Throws StatusErrors. */
export function deleteObject(
  deps: RegistryDeps,
  target: Target,
  options: DeleteOptions & WriteOptions,
): Promise<Changed> {
  return changeObject(deps, target, options, (old) => {
    checkPreconditions(target, options, old);
    deps.admission.delete(target, old.object, options.user);
    return decideDelete(target, old.object, options, deps.clock.now());
  });
}

function checkPreconditions(target: Target, { preconditions }: DeleteOptions, old: StoredObject): void {
  const { resource } = target.definition;
  const { uid, resourceVersion } = preconditions;
  const storedUid = metaText(old.object, 'uid');
  if (uid !== undefined && uid !== storedUid) {
    throw preconditionFailed(resource, target.name, 'UID', uid, storedUid);
  }
  const stored = String(old.revision);
  if (resourceVersion !== undefined && resourceVersion !== stored) {
    throw preconditionFailed(resource, target.name, 'ResourceVersion', resourceVersion, stored);
  }
}

/** What a delete does to `object` now. Pure. */
export function decideDelete(
  { definition }: Pick<Target, 'definition'>,
  object: JsonObject,
  { gracePeriodSeconds: requested }: Pick<DeleteOptions, 'gracePeriodSeconds'>,
  now: number,
): Change {
  const held = finalizersOf(object).length > 0 || specFinalizers(object).length > 0;
  if (metaText(object, 'deletionTimestamp') !== '') return decideAgain(object, requested, held);
  const grace = definition.deletionGraceSeconds?.(object, requested) ?? 0;
  if (grace === 0 && !held) return { kind: 'remove' };
  return { kind: 'put', object: marked(object, now, grace) };
}

/** A further delete of a marked object may only shorten its grace period. */
function decideAgain(object: JsonObject, requested: number | undefined, held: boolean): Change {
  const current = metadataOf(object).deletionGracePeriodSeconds;
  if (typeof current !== 'number') return held ? { kind: 'keep' } : { kind: 'remove' };
  if (requested === undefined || requested >= current) return { kind: 'keep' };
  if (requested === 0 && !held) return { kind: 'remove' };
  const ends = Date.parse(metaText(object, 'deletionTimestamp')) - (current - requested) * 1000;
  const changes = { deletionTimestamp: formatTime(ends), deletionGracePeriodSeconds: requested };
  return { kind: 'put', object: withMetadata(object, changes) };
}

function marked(object: JsonObject, now: number, grace: number): JsonObject {
  const generation = metadataOf(object).generation;
  const changes = {
    deletionTimestamp: formatTime(now + grace * 1000),
    deletionGracePeriodSeconds: grace,
    ...(typeof generation === 'number' && { generation: generation + 1 }),
  };
  const stamped = withMetadata(object, changes);
  if (object.kind !== 'Namespace') return stamped;
  const status = isJsonObject(object.status) ? object.status : {};
  return { ...stamped, status: { ...status, phase: 'Terminating' } };
}
