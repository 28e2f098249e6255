// What holds of metadata for every kind: names, labels, annotations, finalizers and owners on create; what no update
// may change. Texts are those of Kubernetes.
import { forbiddenField, immutable, invalidValue, required, tooLong } from './field-errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import type { FieldError, KindDefinition } from './kind.ts';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelKeyProblems,
  labelValueProblems,
  pathSegmentProblems,
} from './names.ts';

const MAX_ANNOTATIONS_BYTES = 256 * 1024;

export interface MetadataRules {
  readonly nameRule: KindDefinition['nameRule'];
  readonly namespaced: boolean;
}

/** The problems of `name` under a kind's rule. */
export function nameProblems(rule: KindDefinition['nameRule'], name: string): string[] {
  switch (rule) {
    case 'label':
      return dnsLabelProblems(name);
    case 'subdomain':
      return dnsSubdomainProblems(name);
    case 'path-segment':
      return pathSegmentProblems(name);
  }
}

export function metadataOf(object: JsonObject): JsonObject {
  return isJsonObject(object.metadata) ? object.metadata : {};
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** Metadata of a new object, with generateName already turned into a name. */
export function validateMetadataCreate(object: JsonObject, rules: MetadataRules): FieldError[] {
  const metadata = metadataOf(object);
  return [
    ...validateName(metadata, rules),
    ...validateNamespace(metadata, rules),
    ...validateLabels('metadata.labels', metadata.labels),
    ...validateAnnotations('metadata.annotations', metadata.annotations),
    ...validateOwners(metadata.ownerReferences),
    ...validateFinalizers(metadata.finalizers),
  ];
}

function validateName(metadata: JsonObject, { nameRule }: MetadataRules): FieldError[] {
  const name = text(metadata.name);
  const prefix = text(metadata.generateName);
  if (name === '') return [required('metadata.name', 'name or generateName is required')];
  // A prefix may end in '-': what follows makes it a whole name.
  const prefixErrors = prefix === '' ? [] : nameProblems(nameRule, prefix.replace(/-$/, 'a'));
  return [
    ...prefixErrors.map((problem) => invalidValue('metadata.generateName', prefix, problem)),
    ...nameProblems(nameRule, name).map((problem) => invalidValue('metadata.name', name, problem)),
  ];
}

function validateNamespace(metadata: JsonObject, { namespaced }: MetadataRules): FieldError[] {
  const namespace = text(metadata.namespace);
  if (!namespaced) {
    return namespace === '' ? [] : [forbiddenField('metadata.namespace', 'not allowed on this type')];
  }
  if (namespace === '') return [required('metadata.namespace')];
  return dnsLabelProblems(namespace).map((problem) => invalidValue('metadata.namespace', namespace, problem));
}

export function validateLabels(field: string, labels: JsonValue | undefined): FieldError[] {
  return Object.entries(isJsonObject(labels) ? labels : {}).flatMap(([key, value]) => [
    ...labelKeyProblems(key).map((problem) => invalidValue(field, key, problem)),
    ...labelValueProblems(text(value)).map((problem) => invalidValue(field, value, problem)),
  ]);
}

export function validateAnnotations(field: string, annotations: JsonValue | undefined): FieldError[] {
  const entries = Object.entries(isJsonObject(annotations) ? annotations : {});
  const size = entries.reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(text(value)),
    0,
  );
  const keyErrors = entries.flatMap(([key]) =>
    labelKeyProblems(key.toLowerCase()).map((problem) => invalidValue(field, key, problem)),
  );
  return size > MAX_ANNOTATIONS_BYTES ? [...keyErrors, tooLong(field, MAX_ANNOTATIONS_BYTES)] : keyErrors;
}

const OWNER_PARTS = ['apiVersion', 'kind', 'name', 'uid'] as const;

function validateOwners(value: JsonValue | undefined): FieldError[] {
  const field = 'metadata.ownerReferences';
  const owners = (Array.isArray(value) ? value : []).filter(isJsonObject);
  const errors = owners.flatMap((owner) => validateOwner(field, owner));
  const [first, second] = owners.filter((owner) => owner.controller === true);
  if (first === undefined || second === undefined) return errors;
  const names = `${ownerName(first)} and ${ownerName(second)}`;
  const why = `Only one reference can have Controller set to true. Found "true" in references for ${names}`;
  return [...errors, invalidValue(field, value, why)];
}

function validateOwner(field: string, owner: JsonObject): FieldError[] {
  const missing = OWNER_PARTS.filter((part) => text(owner[part]) === '').map((part) =>
    invalidValue(`${field}.${part}`, '', `${part === 'apiVersion' ? 'version ' : ''}must not be empty`),
  );
  // An event outlives nothing: whatever it owned would be collected with it.
  if (owner.apiVersion !== 'v1' || owner.kind !== 'Event') return missing;
  return [...missing, invalidValue(field, owner, '/v1, Kind=Event is disallowed from being an owner')];
}

function ownerName(owner: JsonObject): string {
  return `${text(owner.kind)}/${text(owner.name)}`;
}

function finalizersOf(value: JsonValue | undefined): string[] {
  return (Array.isArray(value) ? value : []).filter((item) => typeof item === 'string');
}

function validateFinalizers(value: JsonValue | undefined): FieldError[] {
  const field = 'metadata.finalizers';
  const finalizers = finalizersOf(value);
  const errors = finalizers.flatMap((finalizer) =>
    labelKeyProblems(finalizer).map((problem) => invalidValue(field, finalizer, problem)),
  );
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    const why = 'finalizer orphan and foregroundDeletion cannot be both set';
    errors.push(invalidValue(field, finalizers, why));
  }
  return errors;
}

/** What a client may leave out of an update and the stored object then supplies. */
const INHERITED = ['uid', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const;

/**
 * The object to be stored for an update of `old`: server-owned metadata that the body left out comes from `old`, and
 * generation and selfLink always do. Call before validateMetadataUpdate.
 */
export function inheritMetadata(object: JsonObject, old: JsonObject): JsonObject {
  const metadata: Record<string, JsonValue | undefined> = { ...metadataOf(object) };
  const before = metadataOf(old);
  for (const key of INHERITED) {
    if (metadata[key] === undefined || metadata[key] === null || metadata[key] === '')
      metadata[key] = before[key];
  }
  metadata.generation = before.generation;
  metadata.selfLink = before.selfLink;
  for (const key of [...INHERITED, 'generation', 'selfLink'] as const) {
    if (metadata[key] === undefined) delete metadata[key];
  }
  return { ...object, metadata };
}

const IMMUTABLE = ['name', 'namespace', ...INHERITED] as const;

/** Metadata of an update; `object` has been through inheritMetadata. */
export function validateMetadataUpdate(object: JsonObject, old: JsonObject): FieldError[] {
  const metadata = metadataOf(object);
  const before = metadataOf(old);
  const changed = IMMUTABLE.filter((key) => (metadata[key] ?? '') !== (before[key] ?? ''));
  return [
    ...changed.map((key) => immutable(`metadata.${key}`, metadata[key])),
    ...newFinalizersOfDeleted(metadata, before),
    ...validateLabels('metadata.labels', metadata.labels),
    ...validateAnnotations('metadata.annotations', metadata.annotations),
    ...validateOwners(metadata.ownerReferences),
    ...validateFinalizers(metadata.finalizers),
  ];
}

function newFinalizersOfDeleted(metadata: JsonObject, before: JsonObject): FieldError[] {
  if (text(before.deletionTimestamp) === '') return [];
  const known = new Set(finalizersOf(before.finalizers));
  const added = finalizersOf(metadata.finalizers).filter((finalizer) => !known.has(finalizer));
  if (added.length === 0) return [];
  const list = added.map((finalizer) => JSON.stringify(finalizer)).join(', ');
  const why = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
  return [forbiddenField('metadata.finalizers', why)];
}
