// The discovery documents, from the kinds that are served: the legacy lists (`/api`, `/apis`, `/apis/<group>`,
// `/api/v1`) and the aggregated form (`apidiscovery.k8s.io/v2`) that current clients ask for first.
import type { JsonObject } from './json.ts';
import type { KindDefinition } from './kind.ts';

const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'] as const;

/** What a client may do with a subresource, and which kind travels there when it is not the parent's. */
interface Subresource {
  readonly verbs: readonly string[];
  readonly kind?: string;
}

const SUBRESOURCES: Readonly<Record<KindDefinition['subresources'][number], Subresource>> = {
  status: { verbs: ['get', 'patch', 'update'] },
  binding: { verbs: ['create'], kind: 'Binding' },
  log: { verbs: ['get'] },
  exec: { verbs: ['create', 'get'], kind: 'PodExecOptions' },
  finalize: { verbs: ['update'] },
};

/** `v1`, `storage.k8s.io/v1` */
export function groupVersionOf(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}

interface GroupVersions {
  readonly group: string;
  /** In order of preference. */
  readonly versions: readonly string[];
}

function groupsOf(kinds: readonly KindDefinition[]): GroupVersions[] {
  const groups = new Map<string, Set<string>>();
  for (const { resource } of kinds) {
    const versions = groups.get(resource.group) ?? new Set();
    groups.set(resource.group, versions.add(resource.version));
  }
  return [...groups].map(([group, versions]) => ({ group, versions: [...versions] }));
}

function kindsOf(kinds: readonly KindDefinition[], group: string, version: string): KindDefinition[] {
  return kinds.filter(({ resource }) => resource.group === group && resource.version === version);
}

/** `/api`. `address` is `host:port` where clients reach the server. */
export function apiVersions(address: string): JsonObject {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
  };
}

/** `/apis` */
export function apiGroupList(kinds: readonly KindDefinition[]): JsonObject {
  const groups = groupsOf(kinds).filter(({ group }) => group !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupDocument) };
}

/** `/apis/<group>`; undefined when the group is not served. */
export function apiGroup(kinds: readonly KindDefinition[], group: string): JsonObject | undefined {
  const found = groupsOf(kinds).find((one) => one.group === group);
  if (found === undefined || group === '') return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(found) };
}

function groupDocument({ group, versions }: GroupVersions): JsonObject {
  const listed = versions.map((version) => ({ groupVersion: groupVersionOf(group, version), version }));
  return { name: group, versions: listed, preferredVersion: { ...listed[0] } };
}

/** `/api/v1`, `/apis/<group>/<version>`; undefined when it is not served. */
export function apiResourceList(
  kinds: readonly KindDefinition[],
  group: string,
  version: string,
): JsonObject | undefined {
  const served = kindsOf(kinds, group, version);
  if (served.length === 0) return undefined;
  const groupVersion = groupVersionOf(group, version);
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: served.flatMap(resourceDocuments),
  };
}

function resourceDocuments(definition: KindDefinition): JsonObject[] {
  const { plural, kind, namespaced } = definition.resource;
  const main: JsonObject = {
    name: plural,
    singularName: definition.singular,
    namespaced,
    kind,
    verbs: VERBS,
    ...(definition.shortNames.length === 0 ? {} : { shortNames: definition.shortNames }),
    ...(definition.categories.length === 0 ? {} : { categories: definition.categories }),
  };
  const subresources = definition.subresources.map((name): JsonObject => {
    const { verbs, kind: other } = SUBRESOURCES[name];
    return { name: `${plural}/${name}`, singularName: '', namespaced, kind: other ?? kind, verbs };
  });
  return [main, ...subresources];
}

/** `/api` (the core group) or `/apis` (all others) in the aggregated form. */
export function aggregatedDiscovery(kinds: readonly KindDefinition[], path: '/api' | '/apis'): JsonObject {
  const groups = groupsOf(kinds).filter(({ group }) => (group === '') === (path === '/api'));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map((group) => aggregatedGroup(kinds, group)),
  };
}

function aggregatedGroup(kinds: readonly KindDefinition[], { group, versions }: GroupVersions): JsonObject {
  return {
    metadata: group === '' ? {} : { name: group },
    versions: versions.map((version) => ({
      version,
      freshness: 'Current',
      resources: kindsOf(kinds, group, version).map(aggregatedResource),
    })),
  };
}

function aggregatedResource(definition: KindDefinition): JsonObject {
  const { group, version, plural, kind, namespaced } = definition.resource;
  const subresources = definition.subresources.map((name): JsonObject => {
    const { verbs, kind: other } = SUBRESOURCES[name];
    return { subresource: name, responseKind: { group, version, kind: other ?? kind }, verbs };
  });
  return {
    resource: plural,
    responseKind: { group, version, kind },
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: definition.singular,
    verbs: VERBS,
    ...(definition.shortNames.length === 0 ? {} : { shortNames: definition.shortNames }),
    ...(definition.categories.length === 0 ? {} : { categories: definition.categories }),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}
