// The columns of kubectl's tables for a custom kind, as its definition names them; without any, the age.
import type { JsonObject, JsonValue } from '../json.ts';
import type { ColumnDefinition, KindDefinition } from '../kind.ts';
import { since } from '../kinds/age.ts';
import type { PrinterColumn } from './definition.ts';
import { findByPath, type JsonPath, parseJsonPath } from './json-path.ts';

const AGE: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  priority: 0,
  format: '',
  description: '',
};

export function printerColumns(columns: readonly PrinterColumn[]): Pick<KindDefinition, 'columns' | 'row'> {
  const shown = (columns.length === 0 ? [AGE] : columns).map((column) => ({
    column,
    path: parseJsonPath(column.jsonPath),
  }));
  return {
    columns: shown.map(({ column }) => definitionOf(column)),
    row: (object, now) => shown.map(({ column, path }) => cell(object, column, path, now)),
  };
}

function definitionOf({ name, type, format, description, priority }: PrinterColumn): ColumnDefinition {
  const known = (['string', 'integer', 'date', 'number', 'boolean'] as const).find((one) => one === type);
  return { name, type: known ?? 'string', format, description, priority };
}

function cell(
  object: JsonObject,
  { type }: PrinterColumn,
  path: JsonPath | undefined,
  now: number,
): JsonValue {
  const found = path === undefined ? [] : findByPath(object, path);
  const [first] = found;
  if (first === undefined || first === null) return null;
  switch (type) {
    case 'integer':
      return typeof first === 'number' ? Math.trunc(first) : null;
    case 'number':
      return typeof first === 'number' ? first : null;
    case 'boolean':
      return typeof first === 'boolean' ? first : null;
    case 'date':
      return typeof first === 'string' ? since(first, now) : null;
    default:
      return found.map(textOf).join(',');
  }
}

/** A text as it is, everything else as JSON. */
export function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
