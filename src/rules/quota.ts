// What an object uses of a ResourceQuota, and which objects a quota counts. The server charges by it, the quota loop
// counts by it. Amounts are billionths, so that sums are exact.
import { getOwn, isJsonObject, type JsonObject, type JsonValue } from '#api/json.ts';
import { parseQuantity } from '#api/quantity.ts';

/** Name of the resource as quotas write it (`requests.storage`, `count/pods`) to billionths. */
export type QuotaUsage = ReadonlyMap<string, bigint>;

export interface CountedKind {
  readonly group: string;
  readonly plural: string;
}

const ONE = 1_000_000_000n;
const CLAIMS = 'persistentvolumeclaims';
/** Kinds of the core group that quotas also count under their bare name. */
const BARE_NAMES = [CLAIMS, 'configmaps', 'replicationcontrollers', 'resourcequotas', 'secrets', 'services'];
const CLASS_SUFFIX = '.storageclass.storage.k8s.io/';
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';
const COMPUTE = ['cpu', 'memory', 'ephemeral-storage'];

/** What `object` uses, by every name a quota may have for it (RUL401). */
export function quotaUsage(kind: CountedKind, object: JsonObject): QuotaUsage {
  const counted = kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
  const usage = new Map([[`count/${counted}`, ONE]]);
  if (kind.group !== '') return usage;
  if (BARE_NAMES.includes(kind.plural)) usage.set(kind.plural, ONE);
  if (kind.plural === CLAIMS) addClaim(usage, object);
  if (kind.plural === 'pods' && !hasEnded(object)) addPod(usage, object);
  return usage;
}

/** The kind that a quota's resource is counted from; undefined for one that nothing here counts (RUL402). */
export function kindCountedBy(resource: string): CountedKind | undefined {
  if (resource.startsWith('count/')) {
    const name = resource.slice('count/'.length);
    const dot = name.indexOf('.');
    return dot < 0 ? { group: '', plural: name } : { group: name.slice(dot + 1), plural: name.slice(0, dot) };
  }
  if (resource === 'requests.storage' || resource.includes(CLASS_SUFFIX))
    return { group: '', plural: CLAIMS };
  if (BARE_NAMES.includes(resource)) return { group: '', plural: resource };
  const isPods = resource === 'pods' || COMPUTE.includes(resource) || /^(requests|limits)\./.test(resource);
  return isPods ? { group: '', plural: 'pods' } : undefined;
}

/** A claim counts the larger of what it asks for and what was allocated, in all and for its class (RUL403). */
function addClaim(usage: Map<string, bigint>, claim: JsonObject): void {
  const requested = nanosOf(at(claim, 'spec', 'resources', 'requests', 'storage'));
  const allocated = nanosOf(at(claim, 'status', 'allocatedResources', 'storage'));
  const size = requested > allocated ? requested : allocated;
  usage.set('requests.storage', size);
  const className =
    at(claim, 'metadata', 'annotations', CLASS_ANNOTATION) ?? at(claim, 'spec', 'storageClassName');
  if (typeof className !== 'string' || className === '') return;
  usage.set(`${className}${CLASS_SUFFIX}${CLAIMS}`, ONE);
  usage.set(`${className}${CLASS_SUFFIX}requests.storage`, size);
}

/** A pod counts while it has not ended (RUL404). */
function hasEnded(pod: JsonObject): boolean {
  const phase = at(pod, 'status', 'phase');
  return phase === 'Succeeded' || phase === 'Failed';
}

function addPod(usage: Map<string, bigint>, pod: JsonObject): void {
  usage.set('pods', ONE);
  for (const [name, amount] of podTotal(pod, 'requests')) {
    usage.set(`requests.${name}`, amount);
    if (COMPUTE.includes(name)) usage.set(name, amount);
  }
  for (const [name, amount] of podTotal(pod, 'limits')) usage.set(`limits.${name}`, amount);
}

/** Containers and side-cars together, or the largest init container beside the side-cars started before it. */
function podTotal(pod: JsonObject, list: 'requests' | 'limits'): ReadonlyMap<string, bigint> {
  const sidecars = new Map<string, bigint>();
  const peak = new Map<string, bigint>();
  for (const init of items(at(pod, 'spec', 'initContainers'))) {
    const alone = new Map(sidecars);
    addAll(alone, at(init, 'resources', list));
    if (at(init, 'restartPolicy') === 'Always') addAll(sidecars, at(init, 'resources', list));
    raise(peak, alone);
  }
  const running = new Map(sidecars);
  for (const container of items(at(pod, 'spec', 'containers')))
    addAll(running, at(container, 'resources', list));
  raise(peak, running);
  addAll(peak, at(pod, 'spec', 'overhead'));
  return peak;
}

function addAll(sum: Map<string, bigint>, list: JsonValue | undefined): void {
  for (const [name, value] of Object.entries(isJsonObject(list) ? list : {})) {
    sum.set(name, (sum.get(name) ?? 0n) + nanosOf(value));
  }
}

function raise(peak: Map<string, bigint>, other: ReadonlyMap<string, bigint>): void {
  for (const [name, amount] of other) {
    if (amount > (peak.get(name) ?? 0n)) peak.set(name, amount);
  }
}

/** Whether the quota with this spec counts `object`: every scope must select it (RUL405). */
export function quotaCounts(spec: JsonValue | undefined, kind: CountedKind, object: JsonObject): boolean {
  const scopes = items(at(spec, 'scopes')).map((scopeName) => ({
    scopeName,
    operator: 'Exists',
    values: [],
  }));
  const selectors = items(at(spec, 'scopeSelector', 'matchExpressions'));
  return [...scopes, ...selectors].every((selector) => inScope(selector, kind, object));
}

function inScope(selector: JsonValue, kind: CountedKind, object: JsonObject): boolean {
  if (kind.group !== '') return false;
  const scope = at(selector, 'scopeName');
  const spec = at(object, 'spec');
  if (kind.plural === CLAIMS) {
    return scope === 'VolumeAttributesClass' && selects(selector, attributesClasses(object));
  }
  if (kind.plural !== 'pods') return false;
  switch (scope) {
    case 'Terminating':
      return typeof at(spec, 'activeDeadlineSeconds') === 'number';
    case 'NotTerminating':
      return typeof at(spec, 'activeDeadlineSeconds') !== 'number';
    case 'BestEffort':
      return isBestEffort(object);
    case 'NotBestEffort':
      return !isBestEffort(object);
    case 'PriorityClass':
      return selects(selector, texts([at(spec, 'priorityClassName')]));
    case 'CrossNamespacePodAffinity':
      return usesOtherNamespaces(spec);
    default:
      return false;
  }
}

function selects(selector: JsonValue, names: readonly string[]): boolean {
  const values = texts(items(at(selector, 'values')));
  switch (at(selector, 'operator')) {
    case 'In':
      return names.some((name) => values.includes(name));
    case 'NotIn':
      return !names.some((name) => values.includes(name));
    case 'Exists':
      return names.length > 0;
    case 'DoesNotExist':
      return names.length === 0;
    default:
      return false;
  }
}

/** The class a claim asks for, the one it has and the one it is changed to: it counts for each. */
function attributesClasses(claim: JsonObject): readonly string[] {
  const status = at(claim, 'status');
  return texts([
    at(claim, 'spec', 'volumeAttributesClassName'),
    at(status, 'currentVolumeAttributesClassName'),
    at(status, 'modifyVolumeStatus', 'targetVolumeAttributesClassName'),
  ]);
}

function isBestEffort(pod: JsonObject): boolean {
  const spec = at(pod, 'spec');
  const containers = [...items(at(spec, 'containers')), ...items(at(spec, 'initContainers'))];
  const names = containers.flatMap((container) =>
    ['requests', 'limits'].flatMap((list) => Object.keys(object(at(container, 'resources', list)))),
  );
  return !names.some((name) => name === 'cpu' || name === 'memory');
}

function usesOtherNamespaces(spec: JsonValue | undefined): boolean {
  const affinity = at(spec, 'affinity');
  return ['podAffinity', 'podAntiAffinity'].some((which) => {
    const required = items(at(affinity, which, 'requiredDuringSchedulingIgnoredDuringExecution'));
    const preferred = items(at(affinity, which, 'preferredDuringSchedulingIgnoredDuringExecution'));
    const terms = [...required, ...preferred.map((one) => at(one, 'podAffinityTerm'))];
    return terms.some(
      (term) => items(at(term, 'namespaces')).length > 0 || at(term, 'namespaceSelector') !== undefined,
    );
  });
}

/** Billionths of a quantity; 0 for what is none. */
export function nanosOf(value: JsonValue | undefined): bigint {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' ? (parseQuantity(text)?.nanos ?? 0n) : 0n;
}

function at(value: JsonValue | undefined, ...path: readonly string[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>(
    (found, name) => (isJsonObject(found) ? getOwn(found, name) : undefined),
    value,
  );
}

function items(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function object(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function texts(values: readonly (JsonValue | undefined)[]): readonly string[] {
  return values.filter((value) => typeof value === 'string' && value !== '').map(String);
}
