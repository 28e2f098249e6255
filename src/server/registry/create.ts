// Create: name, defaults, admission, validation, then one commit that holds only if the key is still free and what
// admission relied on (a namespace that is not ending) is still so.
import { spliceResourceVersion } from '#api/encode.ts';
import type { JsonObject } from '#api/json.ts';
import { validateMetadataCreate } from '#api/metadata-validation.ts';
import { alreadyExists, badRequest, conflict, generatedNameExists, invalid } from '#api/status.ts';
import { formatTime } from '#base/clock.ts';
import { nameSuffix } from '#base/random.ts';
import { segmentFault } from '../router.ts';
import { StoredObject } from '../watch-cache/stored-object.ts';
import type { RegistryDeps, WriteOptions, Written } from './deps.ts';
import type { Target } from './target.ts';
import { objectKey, parseKey } from './keys.ts';
import { encodeStored, metaText, withMetadata } from './stored-form.ts';

const ATTEMPTS = 8;
/** Longest prefix of a generated name: 63 less the suffix. */
const MAX_GENERATED_PREFIX = 58;

type Place = Omit<Target, 'name'>;

/** Creates `body` (decoded) in `place`. Throws StatusErrors. */
export async function createObject(
  deps: RegistryDeps,
  place: Place,
  body: JsonObject,
  options: WriteOptions,
): Promise<Written> {
  const located = checkPlace(place, body);
  const create = (): Promise<Written> => createLocated(deps, place, located, options);
  await deps.cache.fresh();
  const name = metaText(body, 'name');
  return deps.admission.isCharged({ ...place, name })
    ? deps.turns.run(place.namespace ?? '', create)
    : create();
}

async function createLocated(
  deps: RegistryDeps,
  place: Place,
  located: JsonObject,
  options: WriteOptions,
): Promise<Written> {
  const generated = metaText(located, 'name') === '';
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await deps.cache.fresh();
    const named = giveName(deps, located);
    const target = { ...place, name: metaText(named, 'name') };
    const written = await tryCreate(deps, target, named, options);
    if (written === 'moved') continue;
    if (written !== 'taken') return written;
    if (!generated) throw alreadyExists(place.definition.resource, target.name);
  }
  const prefix = metaText(located, 'generateName');
  throw generated
    ? generatedNameExists(place.definition.resource, prefix)
    : conflict(place.definition.resource, metaText(located, 'name'));
}

function checkPlace(place: Place, body: JsonObject): JsonObject {
  const namespace = metaText(body, 'namespace');
  if (metaText(body, 'resourceVersion') !== '') {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  if (place.namespace === undefined) return body;
  if (namespace !== '' && namespace !== place.namespace) {
    const text = 'the namespace of the provided object does not match the namespace sent on the request';
    throw badRequest(`${text} (${JSON.stringify(namespace)} is not ${JSON.stringify(place.namespace)})`);
  }
  return withMetadata(body, { namespace: place.namespace });
}

function giveName(deps: RegistryDeps, body: JsonObject): JsonObject {
  const prefix = metaText(body, 'generateName');
  if (metaText(body, 'name') !== '' || prefix === '') return body;
  const name = prefix.slice(0, MAX_GENERATED_PREFIX) + nameSuffix(deps.random);
  return withMetadata(body, { name });
}

/** 'taken': an object of this name is there. 'moved': what admission looked at has changed, try again. */
async function tryCreate(
  deps: RegistryDeps,
  target: Target,
  named: JsonObject,
  options: WriteOptions,
): Promise<Written | 'taken' | 'moved'> {
  const { definition } = target;
  const fresh = definition.prepareForCreate(stampNew(deps, named));
  const admitted = deps.admission.create(target, definition.defaults(fresh), options.user);
  const object = definition.defaults(admitted.object);
  refuseInvalid(target, object);
  const key = objectKey(definition.resource, target.namespace, target.name);
  const value = encodeStored(definition, object);
  const charge = deps.admission.charge(target, { before: undefined, after: object, isChecked: true });
  if (options.dryRun) {
    if (deps.cache.get(definition, target.namespace, target.name) !== undefined) return 'taken';
    return { stored: written(key, value, 0), warnings: admitted.warnings };
  }
  const compare = [{ key, modRevision: 0 }, ...admitted.guards, ...charge.compare];
  const result = await deps.store.commit({
    compare,
    writes: [{ kind: 'put', key, value }, ...charge.writes],
  });
  if (result.kind === 'conflict') return result.current.get(key) === undefined ? 'moved' : 'taken';
  return { stored: written(key, value, result.revision), warnings: admitted.warnings };
}

function refuseInvalid(target: Target, object: JsonObject): void {
  const { resource, nameRule } = target.definition;
  const errors = validateMetadataCreate(object, { nameRule, namespaced: resource.namespaced });
  const all = [...errors, ...target.definition.validateCreate(object)];
  if (all.length > 0) throw invalid(resource.kind, resource.group, target.name, all);
  // The rules above allow no such name; the key must not depend on their being complete.
  const fault = segmentFault(target.name);
  if (fault !== undefined) throw badRequest(`metadata.name ${JSON.stringify(target.name)}: ${fault}`);
}

function stampNew(deps: RegistryDeps, object: JsonObject): JsonObject {
  return withMetadata(object, {
    uid: deps.random.uuid(),
    creationTimestamp: formatTime(deps.clock.now()),
    deletionTimestamp: undefined,
    deletionGracePeriodSeconds: undefined,
    generation: undefined,
    managedFields: undefined,
    selfLink: undefined,
    resourceVersion: undefined,
  });
}

/** What a write has put under `key`; revision 0 for a dry run. */
export function written(key: string, value: Uint8Array, revision: number): StoredObject {
  const parts = parseKey(key) ?? { kindPath: '', namespace: '', name: '' };
  const bytes = revision === 0 ? value : spliceResourceVersion(value, revision);
  return new StoredObject(key, parts, revision, bytes);
}
