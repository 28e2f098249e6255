// Update and patch: both make a new object from the stored one and take the same road through preconditions,
// admission on the final object (CVE-2016-1905) and validation against the very revision that is replaced.
import type { JsonObject } from '#api/json.ts';
import { inheritMetadata, validateMetadataUpdate } from '#api/metadata-validation.ts';
import { badRequest, conflict, invalid, preconditionFailed } from '#api/status.ts';
import type { StoredObject } from '../watch-cache/stored-object.ts';
import { type Change, type Changed, changeObject } from './change.ts';
import type { RegistryDeps, WriteOptions, Written } from './deps.ts';
import type { Target } from './target.ts';
import { metadataOf, metaText, withMetadata } from './stored-form.ts';

/** Makes the object to write from the stored one: a PUT ignores it, a patch starts from it. */
export type NewObject = (old: JsonObject) => {
  readonly object: JsonObject;
  readonly warnings: readonly string[];
};

export interface UpdateOptions extends WriteOptions {
  readonly subresource: string | undefined;
}

/** Replaces the object, or its status. Throws StatusErrors. */
export async function updateObject(
  deps: RegistryDeps,
  target: Target,
  make: NewObject,
  options: UpdateOptions,
): Promise<Written> {
  let warnings: readonly string[] = [];
  const checked = { ...options, isChecked: options.subresource === undefined };
  const changed = await changeObject(deps, target, checked, (old) => {
    const made = make(old.object);
    const change = decideUpdate(deps, target, made.object, old, options);
    warnings = [...made.warnings, ...change.warnings];
    return change.change;
  });
  return { stored: storedOf(changed), warnings };
}

/** An update that removed the last finalizer answers with the object as it was. */
function storedOf(changed: Changed): StoredObject {
  return changed.kind === 'stored' ? changed.stored : changed.last;
}

function decideUpdate(
  deps: RegistryDeps,
  target: Target,
  body: JsonObject,
  old: StoredObject,
  options: UpdateOptions,
): { readonly change: Change; readonly warnings: readonly string[] } {
  const { definition } = target;
  const located = checkBody(target, body);
  checkPreconditions(target, located, old);
  const before = old.object;
  const inherited = definition.defaults(inheritMetadata(located, before));
  const isStatus = options.subresource === 'status';
  const prepared = isStatus
    ? definition.prepareForStatusUpdate(inherited, before)
    : definition.prepareForUpdate(inherited, before);
  const admitted = deps.admission.update(target, prepared, before, options);
  const errors = isStatus
    ? definition.validateStatusUpdate(admitted.object, before)
    : definition.validateUpdate(admitted.object, before);
  const all = [...validateMetadataUpdate(admitted.object, before), ...errors];
  if (all.length > 0) throw invalid(definition.resource.kind, definition.resource.group, target.name, all);
  return { change: { kind: 'put', object: admitted.object }, warnings: admitted.warnings };
}

/** Name and namespace of the body: absent they come from the URL, different they are refused. */
function checkBody(target: Target, body: JsonObject): JsonObject {
  const name = metaText(body, 'name');
  const namespace = metaText(body, 'namespace');
  if (name !== '' && name !== target.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${target.name})`);
  }
  if (target.namespace === undefined) return withMetadata(body, { name: target.name });
  if (namespace !== '' && namespace !== target.namespace) {
    const text = 'does not match the namespace on the URL';
    throw badRequest(`the namespace of the object (${namespace}) ${text} (${target.namespace})`);
  }
  return withMetadata(body, { name: target.name, namespace: target.namespace });
}

function checkPreconditions(target: Target, body: JsonObject, old: StoredObject): void {
  const { definition, name } = target;
  const { resource } = definition;
  const uid = metaText(body, 'uid');
  const storedUid = metaText(old.object, 'uid');
  if (uid !== '' && uid !== storedUid) throw preconditionFailed(resource, name, 'UID', uid, storedUid);
  const version = metadataOf(body).resourceVersion;
  if (version === undefined || version === '') {
    if (definition.allowsUnconditionalUpdate) return;
    const field = 'metadata.resourceVersion';
    const message = 'Invalid value: 0x0: must be specified for an update';
    throw invalid(resource.kind, resource.group, name, [{ field, reason: 'FieldValueInvalid', message }]);
  }
  if (version !== String(old.revision)) throw conflict(resource, name);
}
