// The custom resources that Holdfast serves from the start: the snapshot and group snapshot kinds. A user cannot
// change them; their CustomResourceDefinitions can be read.
import { assert } from '#base/assert.ts';
import { CUSTOM_RESOURCES_JSON } from '../generated/custom-resources.ts';
import { isJsonObject, type JsonObject } from '../json.ts';
import type { KindDefinition } from '../kind.ts';
import { customKind } from './custom-kind.ts';
import { readDefinition } from './definition.ts';

/** The specs as the schema folder has them. */
export function builtInSpecs(): readonly JsonObject[] {
  const parsed: unknown = JSON.parse(CUSTOM_RESOURCES_JSON);
  assert(Array.isArray(parsed), 'the generated custom resources must be a list');
  return parsed.filter(isJsonObject);
}

/** The served kinds, each in its first version: the one that loops and clients should use. */
export function builtInCustomKinds(): readonly KindDefinition[] {
  return builtInSpecs().flatMap((spec) => {
    const definition = readDefinition(spec);
    return definition.versions.slice(0, 1).map((version) => customKind(definition, version));
  });
}
