// namespaces/finalize: takes finalizers from a namespace's spec, which nothing else may. When the last one goes from a
// deleted namespace, the namespace goes in that same write.
import { isJsonObject, type JsonObject } from '#api/json.ts';
import { conflict, preconditionFailed } from '#api/status.ts';
import type { StoredObject } from '../watch-cache/stored-object.ts';
import { changeObject } from './change.ts';
import type { RegistryDeps, WriteOptions } from './deps.ts';
import type { Target } from './target.ts';
import { metaText } from './stored-form.ts';

/** Writes `body`'s spec.finalizers. Throws 404 or 409. */
export async function finalizeNamespace(
  deps: RegistryDeps,
  target: Target,
  body: JsonObject,
  options: WriteOptions,
): Promise<StoredObject> {
  const { resource } = target.definition;
  const finalizers = isJsonObject(body.spec) ? (body.spec.finalizers ?? []) : [];
  const changed = await changeObject(deps, target, options, (old) => {
    const uid = metaText(body, 'uid');
    const storedUid = metaText(old.object, 'uid');
    if (uid !== '' && uid !== storedUid) {
      throw preconditionFailed(resource, target.name, 'UID', uid, storedUid);
    }
    const version = metaText(body, 'resourceVersion');
    if (version !== '' && version !== String(old.revision)) throw conflict(resource, target.name);
    const spec = isJsonObject(old.object.spec) ? old.object.spec : {};
    return { kind: 'put', object: { ...old.object, spec: { ...spec, finalizers } } };
  });
  return changed.kind === 'stored' ? changed.stored : changed.last;
}
