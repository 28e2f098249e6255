// Which kinds are served now: the built-in ones, and those of the stored CustomResourceDefinitions. Worked out again only
// when a definition has changed; until then everyone gets the same array.
import { customKinds } from '#api/crd/custom-kind.ts';
import { readDefinition } from '#api/crd/definition.ts';
import { isJsonObject } from '#api/json.ts';
import type { KindDefinition } from '#api/kind.ts';
import { prefixEnd } from '#store/store.ts';
import { kindPrefix } from './registry/keys.ts';
import { metaText } from './registry/stored-form.ts';
import type { KindLookup } from './router.ts';
import type { StoredObject } from './watch-cache/stored-object.ts';
import type { WatchCache } from './watch-cache/watch-cache.ts';

export interface ServedKinds {
  /** The same array until a definition changes. */
  current(): readonly KindDefinition[];
  readonly find: KindLookup;
  /** The built-in kind `plural`. */
  builtIn(plural: string): KindDefinition | undefined;
}

interface Served {
  readonly changes: number;
  readonly kinds: readonly KindDefinition[];
  readonly byPath: ReadonlyMap<string, KindDefinition>;
}

export function createServedKinds(kinds: readonly KindDefinition[], cache: WatchCache): ServedKinds {
  // A custom resource may have the plural of a built-in one, in another group.
  const byPlural = new Map(
    kinds.filter(({ custom }) => custom === undefined).map((kind) => [kind.resource.plural, kind]),
  );
  const definitions = byPlural.get('customresourcedefinitions');
  let served = serve(kinds, [], -1);
  const current = (): Served => {
    if (definitions === undefined) return served;
    const stored = cache.kind(definitions);
    if (stored.changes === served.changes) return served;
    const prefix = kindPrefix(definitions.resource);
    served = serve(kinds, stored.range(prefix, prefixEnd(prefix)), stored.changes);
    return served;
  };
  return {
    current: () => current().kinds,
    find: (group, version, plural) => current().byPath.get(pathOf(group, version, plural)),
    builtIn: (plural) => byPlural.get(plural),
  };
}

function serve(
  kinds: readonly KindDefinition[],
  definitions: Iterable<StoredObject>,
  changes: number,
): Served {
  const own = new Set(kinds.map(({ resource }) => `${resource.group}/${resource.plural}`));
  const custom = [...definitions].flatMap(kindsOf).filter(({ resource }) => {
    // Built-in kinds are as this program knows them, whatever is stored.
    return !own.has(`${resource.group}/${resource.plural}`);
  });
  const all = [...kinds, ...custom];
  const entries = all.map((kind) => {
    const { group, version, plural } = kind.resource;
    return [pathOf(group, version, plural), kind] as const;
  });
  return { changes, kinds: all, byPath: new Map(entries) };
}

function kindsOf({ object }: StoredObject): readonly KindDefinition[] {
  if (!isJsonObject(object.spec)) return [];
  const kinds = customKinds(readDefinition(object.spec));
  if (metaText(object, 'deletionTimestamp') === '') return kinds;
  return kinds.map((kind) => ({
    ...kind,
    ...(kind.custom !== undefined && { custom: { ...kind.custom, isEnding: true } }),
  }));
}

function pathOf(group: string, version: string, plural: string): string {
  return `${group}/${version}/${plural}`;
}
