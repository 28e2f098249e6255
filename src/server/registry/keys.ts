// Where an object lives in the store: `/registry/<group or core>/<plural>/[<namespace>/]<name>`. Every prefix ends with
// a slash, so that `foo` never reads `foobar` (CVE-2022-3162).
import type { ResourceType } from '#api/object.ts';

export const REGISTRY_PREFIX = '/registry/';

/** The prefix of all objects of a kind, or of those in one namespace. */
export function kindPrefix(resource: ResourceType, namespace?: string): string {
  const group = resource.group === '' ? 'core' : resource.group;
  const prefix = `${REGISTRY_PREFIX}${group}/${resource.plural}/`;
  return namespace === undefined ? prefix : `${prefix}${namespace}/`;
}

/** The key of one object. */
export function objectKey(resource: ResourceType, namespace: string | undefined, name: string): string {
  return `${kindPrefix(resource, resource.namespaced ? (namespace ?? '') : undefined)}${name}`;
}

export interface KeyParts {
  /** `core/pods`: the kind, whatever its version. */
  readonly kindPath: string;
  readonly namespace: string;
  readonly name: string;
}

/** Takes a key apart; undefined when it is not an object's key. */
export function parseKey(key: string): KeyParts | undefined {
  const [group, plural, first, second, ...more] = key.slice(REGISTRY_PREFIX.length).split('/');
  if (group === undefined || plural === undefined || first === undefined || more.length > 0) return undefined;
  const kindPath = `${group}/${plural}`;
  return second === undefined
    ? { kindPath, namespace: '', name: first }
    : { kindPath, namespace: first, name: second };
}

/** `core/pods` of a resource type, as in parseKey. */
export function kindPathOf(resource: ResourceType): string {
  return `${resource.group === '' ? 'core' : resource.group}/${resource.plural}`;
}
