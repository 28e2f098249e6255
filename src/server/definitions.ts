// The life of CustomResourceDefinitions: those of the built-in custom resources are written once, and one that is being
// deleted takes its objects with it before it goes.
import { builtInSpecs, definitionName } from '#api/crd/built-in.ts';
import { CRD_CLEANUP_FINALIZER } from '#api/crd/definition-kind.ts';
import { readDefinition } from '#api/crd/definition.ts';
import { customKinds } from '#api/crd/custom-kind.ts';
import { isJsonObject } from '#api/json.ts';
import type { KindDefinition } from '#api/kind.ts';
import { StatusError } from '#api/status.ts';
import { prefixEnd } from '#store/store.ts';
import { ensure, SERVER_USER } from './bootstrap.ts';
import { changeObject } from './registry/change.ts';
import { deleteObject } from './registry/delete.ts';
import type { RegistryDeps } from './registry/deps.ts';
import { kindPrefix } from './registry/keys.ts';
import { finalizersOf, metaText, withMetadata } from './registry/stored-form.ts';
import type { StoredObject } from './watch-cache/stored-object.ts';

const OPTIONS = { user: SERVER_USER, dryRun: false };

/** Writes the definitions of the built-in custom resources where they are missing. */
export async function storeBuiltInDefinitions(deps: RegistryDeps, definition: KindDefinition): Promise<void> {
  await deps.cache.fresh();
  for (const spec of builtInSpecs()) {
    await ensure(deps, { definition, namespace: undefined, name: definitionName(spec) }, { spec });
  }
}

/** Removes the objects of every definition that is being deleted, and then the definition. */
export async function finishDefinitions(deps: RegistryDeps, definition: KindDefinition): Promise<void> {
  await deps.cache.fresh();
  const prefix = kindPrefix(definition.resource);
  const ending = [...deps.cache.kind(definition).range(prefix, prefixEnd(prefix))].filter(
    ({ object }) => metaText(object, 'deletionTimestamp') !== '',
  );
  for (const stored of ending) await finishDefinition(deps, definition, stored);
}

async function finishDefinition(
  deps: RegistryDeps,
  definition: KindDefinition,
  stored: StoredObject,
): Promise<void> {
  if (!finalizersOf(stored.object).includes(CRD_CLEANUP_FINALIZER)) return;
  const [kind] = isJsonObject(stored.object.spec) ? customKinds(readDefinition(stored.object.spec)) : [];
  if (kind !== undefined && !(await removeAll(deps, kind))) return;
  await changeObject(deps, { definition, namespace: undefined, name: stored.name }, OPTIONS, (old) => {
    const finalizers = finalizersOf(old.object).filter((one) => one !== CRD_CLEANUP_FINALIZER);
    return { kind: 'put', object: withMetadata(old.object, { finalizers }) };
  });
}

/** True when nothing is left. */
async function removeAll(deps: RegistryDeps, kind: KindDefinition): Promise<boolean> {
  const prefix = kindPrefix(kind.resource);
  const left = (): readonly StoredObject[] => [...deps.cache.kind(kind).range(prefix, prefixEnd(prefix))];
  for (const { namespace, name } of left()) {
    const target = { definition: kind, namespace: kind.resource.namespaced ? namespace : undefined, name };
    try {
      await deleteObject(deps, target, { ...OPTIONS, preconditions: {}, gracePeriodSeconds: undefined });
    } catch (error) {
      // Somebody else was faster.
      if (!(error instanceof StatusError) || error.reason !== 'NotFound') throw error;
    }
  }
  await deps.cache.fresh();
  return left().length === 0;
}
