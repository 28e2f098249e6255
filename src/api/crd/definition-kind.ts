// CustomResourceDefinition: a kind that a user brings. Accepted as soon as it is valid: what it defines is served from the
// same commit on, so its conditions say so from birth.
import type { CustomResourceDefinition } from '../generated/apiextensions-v1.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { column, defineKind, generationOf, withGeneration } from '../kinds/define-kind.ts';
import { editMember, editOrAdd, withDefaults, withMember } from '../kinds/edit.ts';
import { sameValue } from '../kinds/equal.ts';
import { own, rootOf } from '../kinds/field.ts';
import type { ResourceType } from '../object.ts';
import { readDefinition } from './definition.ts';
import { validateDefinition, validateDefinitionUpdate } from './definition-validate.ts';

export const customResourceDefinitions: ResourceType<CustomResourceDefinition> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

export const customResourceDefinitionKind = defineKind({
  resource: customResourceDefinitions,
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  subresources: ['status'],
  allowsUnconditionalUpdate: false,
  defaults: (object) => editMember(object, 'spec', specDefaults),
  prepareForCreate: (object) => withCleanup(withGeneration(withStatus(object, undefined), 1)),
  prepareForUpdate,
  validateCreate: validateDefinition,
  validateUpdate: validateDefinitionUpdate,
  columns: [column('Created At', { type: 'date' })],
  row: (object) => [rootOf(object).at('metadata', 'creationTimestamp').text],
});

/** Held until the objects of the definition are gone. */
export const CRD_CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

function withCleanup(object: JsonObject): JsonObject {
  return editMember(object, 'metadata', (meta) => {
    const given = rootOf(meta).child('finalizers').texts;
    return given.includes(CRD_CLEANUP_FINALIZER)
      ? meta
      : withMember(meta, 'finalizers', [...given, CRD_CLEANUP_FINALIZER]);
  });
}

function specDefaults(spec: JsonObject): JsonObject {
  const kind = rootOf(spec).at('names', 'kind').text;
  const named = editOrAdd(spec, 'names', (names) =>
    withDefaults(names, { listKind: `${kind}List`, singular: kind.toLowerCase() }),
  );
  return withDefaults(named, { conversion: { strategy: 'None' } });
}

function prepareForUpdate(object: JsonObject, old: JsonObject): JsonObject {
  const changed = !sameValue(object['spec'], old['spec']);
  return withGeneration(withStatus(object, old), generationOf(old) + (changed ? 1 : 0));
}

/** The conditions keep the time of the definition's birth; the stored versions only grow. */
function withStatus(object: JsonObject, old: JsonObject | undefined): JsonObject {
  const spec = own(object, 'spec');
  const lastTransitionTime = rootOf(object).at('metadata', 'creationTimestamp').text;
  const condition = (type: string, reason: string, message: string): JsonObject => ({
    type,
    status: 'True',
    lastTransitionTime,
    reason,
    message,
  });
  const storage = readDefinition(isJsonObject(spec) ? spec : {}).versions.find((version) => version.storage);
  const before = old === undefined ? [] : rootOf(old).at('status', 'storedVersions').texts;
  const stored = storage === undefined ? before : [...new Set([...before, storage.name])];
  const conditions: readonly JsonValue[] = [
    condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
    condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
  ];
  const known = old === undefined ? undefined : rootOf(old).at('status', 'conditions').value;
  const acceptedNames = own(spec, 'names') ?? {};
  return withMember(object, 'status', {
    conditions: known ?? conditions,
    acceptedNames,
    storedVersions: stored,
  });
}
