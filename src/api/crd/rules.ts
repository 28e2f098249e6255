// placeholder
import type { JsonObject } from '../json.ts';
import type { FieldError } from '../kind.ts';
import type { StructuralSchema } from './structural-schema.ts';
export function checkRules(
  schema: StructuralSchema,
  object: JsonObject,
  old: JsonObject | undefined,
): readonly FieldError[] {
  return schema === undefined && object === old ? [] : [];
}
