// What the server needs to know about one served kind beyond its schema: defaults, validation, what each write may
// change, selectable fields and printer columns. Knowledge, hand-written per kind in api/kinds.
import type { JsonObject, JsonValue } from './json.ts';
import type { ResourceType } from './object.ts';

/** One cause of a 422; texts as Kubernetes prints them (api-behaviour 5.1). */
export interface FieldError {
  /** `spec.resources.requests[storage]` */
  readonly field: string;
  readonly reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueDuplicate'
    | 'FieldValueNotFound'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueTypeInvalid'
    | 'InternalError';
  /** The text after the field: `Required value: a name is needed`. */
  readonly message: string;
}

export interface ColumnDefinition {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date' | 'number' | 'boolean';
  readonly format?: string;
  readonly description?: string;
  /** 0: always shown; 1: only with -o wide. */
  readonly priority?: number;
}

/** A kind whose schema is not in the generated table: a custom resource. Its metadata is decoded as everyone's. */
export interface CustomForm {
  /** `object` without the members that its schema does not know, and where those were. */
  shape(object: JsonObject): {
    readonly object: JsonObject;
    readonly unknown: readonly (readonly (string | number)[])[];
  };
  /** The OpenAPI schema, as its definition has it. */
  readonly openApi: JsonObject;
  readonly listKind: string;
  /** The version under which objects are stored; another one differs from it in its name alone. */
  readonly storageVersion: string;
  /** Its definition is being deleted: nothing new is created. */
  readonly isEnding?: boolean;
}

export interface KindDefinition {
  readonly resource: ResourceType;
  /** Set for custom resources: no protobuf, no strategic merge patch. */
  readonly custom?: CustomForm;
  /** Key into the schema table: `core/v1.Pod`. */
  readonly typeName: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly subresources: readonly ('status' | 'binding' | 'log' | 'exec' | 'finalize')[];
  /** False: PUT without resourceVersion is refused; true: it is unconditional (Kubernetes AllowUnconditionalUpdate). */
  readonly allowsUnconditionalUpdate: boolean;
  /** Adds the server's defaults. Pure: returns a new object. */
  defaults(object: JsonObject): JsonObject;
  /** Clears what a creator may not set (status) and sets initial state (a pod's phase). */
  prepareForCreate(object: JsonObject): JsonObject;
  /** For a write to the main resource: status comes from `old`; generation rises when spec changes. */
  prepareForUpdate(object: JsonObject, old: JsonObject): JsonObject;
  /** For a write to /status: everything but status (and metadata that status may change) comes from `old`. */
  prepareForStatusUpdate(object: JsonObject, old: JsonObject): JsonObject;
  /** Beyond metadata, which the server validates for every kind. `object` has its defaults. */
  validateCreate(object: JsonObject): readonly FieldError[];
  validateUpdate(object: JsonObject, old: JsonObject): readonly FieldError[];
  validateStatusUpdate(object: JsonObject, old: JsonObject): readonly FieldError[];
  /** metadata.name rule. */
  readonly nameRule: 'subdomain' | 'label' | 'path-segment';
  /** Field selectors beyond metadata.name and metadata.namespace: `spec.nodeName` to its value. */
  selectableFields(object: JsonObject): Readonly<Record<string, string>>;
  /** Supported keys of selectableFields, so that another one is a 400. */
  readonly selectableFieldNames: readonly string[];
  /** Columns after `Name`; `row` gives the cells in the same order (without Name). Ages come from `now`, epoch ms. */
  readonly columns: readonly ColumnDefinition[];
  row(object: JsonObject, now: number): readonly JsonValue[];
  /** The cell under `Name` where it is not just metadata.name: `standard (default)`. */
  nameCell?(object: JsonObject): string;
  /** True: the Name column comes last and only with -o wide, as for Events. */
  readonly isNameWide?: boolean;
  /**
   * Graceful deletion (pods): the grace period in seconds that a delete with `requested` gives this object, or
   * undefined when the kind is deleted at once. 0 removes it now.
   */
  deletionGraceSeconds?(object: JsonObject, requested: number | undefined): number | undefined;
}
