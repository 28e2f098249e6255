// The custom resources that Holdfast serves from the start: the snapshot and group snapshot kinds, and ReferenceGrant.
// What is served does not depend on the store; their CustomResourceDefinitions are there to be read.
import { assert } from '#base/assert.ts';
import { CUSTOM_RESOURCES_JSON } from '../generated/custom-resources.ts';
import { getOwn, isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import type { KindDefinition } from '../kind.ts';
import { customKinds } from './custom-kind.ts';
import { readDefinition } from './definition.ts';
import { REFERENCE_GRANT_SPEC } from './reference-grant.ts';

/** Its status has another form than that of the newer versions: to serve it would need a conversion (CRD19). */
const NOT_SERVED = ['volumegroupsnapshotcontents/v1beta1'];

let specs: readonly JsonObject[] | undefined;

/** The specs as CustomResourceDefinitions have them. */
export function builtInSpecs(): readonly JsonObject[] {
  specs ??= [...snapshotSpecs(), REFERENCE_GRANT_SPEC].map(withWrappedSchemas);
  return specs;
}

function snapshotSpecs(): readonly JsonObject[] {
  const parsed: unknown = JSON.parse(CUSTOM_RESOURCES_JSON);
  assert(Array.isArray(parsed), 'the generated custom resources must be a list');
  return parsed.filter(isJsonObject).map((spec) => ({ ...spec, versions: snapshotVersions(spec) }));
}

/** The newest version is stored; the same form is served under its older names, the newer one first. */
function snapshotVersions(spec: JsonObject): readonly JsonObject[] {
  const versions: readonly JsonValue[] = Array.isArray(spec['versions']) ? spec['versions'] : [];
  const { plural } = readDefinition(spec);
  return versions
    .filter(isJsonObject)
    .map((version) => ({ version, name: nameOf(version) }))
    .filter(({ name }) => !NOT_SERVED.includes(`${plural}/${name}`))
    .sort((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? 1 : -1))
    .map(({ version, name }) => ({ ...version, served: true, storage: name === 'v1' }));
}

function nameOf(version: JsonObject): string {
  const name = getOwn(version, 'name');
  return typeof name === 'string' ? name : '';
}

/** Kubernetes prefers stable versions to betas, and of these the newest. */
const rank = (name: string): number => (/^v\d+$/.test(name) ? 0 : 1);

function withWrappedSchemas(spec: JsonObject): JsonObject {
  const versions: readonly JsonValue[] = Array.isArray(spec['versions']) ? spec['versions'] : [];
  const wrapped = versions
    .filter(isJsonObject)
    .map((version) => ({ ...version, schema: { openAPIV3Schema: getOwn(version, 'schema') } }));
  return { ...spec, versions: wrapped };
}

/** The served kinds, in every served version. */
export function builtInCustomKinds(): readonly KindDefinition[] {
  return builtInSpecs().flatMap((spec) => customKinds(readDefinition(spec)));
}

/** True for the name of a CustomResourceDefinition that belongs to Holdfast. */
export function isBuiltInDefinition(name: string): boolean {
  return builtInSpecs().some((spec) => definitionName(spec) === name);
}

/** `volumesnapshots.snapshot.storage.k8s.io` */
export function definitionName(spec: JsonObject): string {
  const { plural, group } = readDefinition(spec);
  return `${plural}.${group}`;
}
