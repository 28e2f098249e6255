// Table (meta.k8s.io/v1): objects as rows of cells, what `kubectl get` asks for. Columns and cells come from the kind;
// Name is the first, unless the kind shows it last and only with -o wide (Events).
import { badRequest } from './status.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import type { ColumnDefinition, KindDefinition } from './kind.ts';
import { partialObjectMetadata } from './partial-metadata.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** The `includeObject` parameter; absent means Metadata. Throws 400 for another value. */
export function parseIncludeObject(value: string | undefined): IncludeObject {
  if (value === undefined || value === '') return 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw badRequest(`includeObject "${value}" is not valid: None, Metadata or Object is needed`);
}

const NAME_COLUMN: ColumnDefinition = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description:
    'Name must be unique within a namespace. Is required when creating resources, although some resources may allow ' +
    'a client to request the generation of an appropriate name automatically. Cannot be updated.',
};

const WIDE_NAME_COLUMN: ColumnDefinition = { ...NAME_COLUMN, priority: 1 };

function columnDocument({
  name,
  type,
  format = '',
  description = '',
  priority = 0,
}: ColumnDefinition): JsonObject {
  return { name, type, format, description, priority };
}

export interface TableOptions {
  readonly include: IncludeObject;
  /** Epoch milliseconds, for ages. */
  readonly now: number;
  /** The list's metadata: resourceVersion, continue, remainingItemCount. */
  readonly metadata: JsonObject;
  /** Leaves the column definitions out: for every watch event after the first. */
  readonly noHeaders?: boolean;
}

/** Decoded objects as a Table. */
export function tableOf(
  kind: KindDefinition,
  objects: readonly JsonObject[],
  options: TableOptions,
): JsonObject {
  const named =
    kind.isNameWide === true ? [...kind.columns, WIDE_NAME_COLUMN] : [NAME_COLUMN, ...kind.columns];
  const columns = options.noHeaders === true ? [] : named.map(columnDocument);
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: options.metadata,
    columnDefinitions: columns,
    rows: objects.map((object) => rowOf(kind, object, options)),
  };
}

function rowOf(kind: KindDefinition, object: JsonObject, { include, now }: TableOptions): JsonObject {
  const ownName: JsonValue = (isJsonObject(object.metadata) ? object.metadata.name : undefined) ?? '';
  const name = kind.nameCell?.(object) ?? ownName;
  const cells = kind.row(object, now);
  const row = { cells: kind.isNameWide === true ? [...cells, name] : [name, ...cells] };
  switch (include) {
    case 'None':
      return { ...row, object: null };
    case 'Metadata':
      return { ...row, object: partialObjectMetadata(object) };
    case 'Object':
      return { ...row, object };
  }
}
