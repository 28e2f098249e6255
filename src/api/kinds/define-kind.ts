// Builds a KindDefinition from what is special about a kind; the rest is what most Kubernetes kinds do: status is
// written only through /status, and metadata.generation is kept by the kinds that count it.
import type { JsonObject, JsonValue } from '../json.ts';
import type { ColumnDefinition, FieldError, KindDefinition } from '../kind.ts';
import type { ResourceType } from '../object.ts';
import { typeNameOf } from '../schema.ts';
import { editMember, takeMember, withMember } from './edit.ts';
import { own } from './field.ts';

type Optional =
  | 'typeName'
  | 'singular'
  | 'shortNames'
  | 'categories'
  | 'subresources'
  | 'allowsUnconditionalUpdate'
  | 'defaults'
  | 'prepareForCreate'
  | 'prepareForUpdate'
  | 'prepareForStatusUpdate'
  | 'validateUpdate'
  | 'validateStatusUpdate'
  | 'nameRule'
  | 'selectableFields'
  | 'selectableFieldNames';

export type KindParts = Omit<KindDefinition, Optional | 'resource'> &
  Partial<Pick<KindDefinition, Optional>> & { readonly resource: ResourceType };

export function defineKind(parts: KindParts): KindDefinition {
  const { resource } = parts;
  const hasStatus = parts.subresources?.includes('status') ?? false;
  return {
    typeName: typeNameOf(resource.group, resource.version, resource.kind),
    singular: resource.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    subresources: [],
    allowsUnconditionalUpdate: true,
    nameRule: 'subdomain',
    defaults: (object) => object,
    prepareForCreate: (object) => (hasStatus ? withMember(object, 'status', undefined) : object),
    prepareForUpdate: (object, old) => (hasStatus ? takeMember(object, old, 'status') : object),
    prepareForStatusUpdate: statusFrom,
    validateUpdate: parts.validateCreate,
    validateStatusUpdate: (): readonly FieldError[] => [],
    selectableFields: () => ({}),
    selectableFieldNames: [],
    ...parts,
  };
}

/** A status write: labels, annotations and finalizers may change with it; owners and all else come from `old`. */
export function statusFrom(object: JsonObject, old: JsonObject): JsonObject {
  const metadata = own(object, 'metadata');
  const oldOwners = own(own(old, 'metadata'), 'ownerReferences');
  const merged: JsonObject = withMember({ ...old, metadata }, 'status', own(object, 'status'));
  return editMember(merged, 'metadata', (meta) => withMember(meta, 'ownerReferences', oldOwners));
}

/** A status write that may not touch any metadata; version and uid stay the writer's, for the conflict check. */
export function statusOnlyFrom(object: JsonObject, old: JsonObject): JsonObject {
  const writer = own(object, 'metadata');
  const merged = withMember(old, 'status', own(object, 'status'));
  return editMember(merged, 'metadata', (meta) => {
    const versioned = withMember(meta, 'resourceVersion', own(writer, 'resourceVersion'));
    return withMember(versioned, 'uid', own(writer, 'uid') ?? own(meta, 'uid'));
  });
}

/** `metadata.generation` set to `generation`. */
export function withGeneration(object: JsonObject, generation: number): JsonObject {
  return editMember(object, 'metadata', (meta) => withMember(meta, 'generation', generation));
}

/** The generation `object` has; 0 when it never had one. */
export function generationOf(object: JsonObject): number {
  const generation = own(own(object, 'metadata'), 'generation');
  return typeof generation === 'number' ? generation : 0;
}

/** A column of kubectl's tables. */
export function column(
  name: string,
  options: { readonly type?: ColumnDefinition['type']; readonly wide?: boolean } = {},
): ColumnDefinition {
  return { name, type: options.type ?? 'string', ...(options.wide ? { priority: 1 } : {}) };
}

/** A cell's text, or `fallback` for an absent or empty one. */
export function cellText(value: JsonValue | undefined, fallback: string): string {
  return typeof value === 'string' && value !== '' ? value : fallback;
}
