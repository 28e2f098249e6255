import { expect, test } from 'vitest';
import { getOwn, isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { builtInCustomKinds, builtInSpecs } from './built-in.ts';

function versionsOf(plural: string): readonly string[] {
  return builtInCustomKinds()
    .filter(({ resource }) => resource.plural === plural)
    .map(({ resource }) => resource.version);
}

test.each([
  { rule: 'CRD18', plural: 'volumegroupsnapshots', versions: ['v1', 'v1beta2', 'v1beta1'] },
  { rule: 'CRD18', plural: 'volumegroupsnapshotclasses', versions: ['v1', 'v1beta2', 'v1beta1'] },
  { rule: 'CRD19', plural: 'volumegroupsnapshotcontents', versions: ['v1', 'v1beta2'] },
  { rule: 'CRD17', plural: 'volumesnapshots', versions: ['v1'] },
])('$rule: $plural are served as $versions, the preferred one first', ({ plural, versions }) => {
  expect(versionsOf(plural)).toEqual(versions);
});

test('CRD18 CRD19: versions that are served have one form, so that none needs a conversion', () => {
  for (const spec of builtInSpecs()) {
    const [first, ...others] = listOf(getOwn(spec, 'versions')).map(fieldsOf);
    for (const other of others) expect(other).toEqual(first);
  }
});

function listOf(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** The paths of every field of a version's schema with their types. */
function fieldsOf(version: JsonObject): readonly string[] {
  const paths: string[] = [];
  const walk = (schema: JsonValue | undefined, path: string): void => {
    if (!isJsonObject(schema)) return;
    paths.push(`${path} ${JSON.stringify(schema.type)}`);
    const { properties, items, additionalProperties } = schema;
    if (isJsonObject(properties)) {
      for (const [name, below] of Object.entries(properties)) walk(below, `${path}.${name}`);
    }
    walk(items, `${path}[]`);
    walk(additionalProperties, `${path}{}`);
  };
  walk(isJsonObject(version.schema) ? version.schema.openAPIV3Schema : undefined, '');
  return paths.sort();
}
