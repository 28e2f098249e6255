// ResourceQuotas are charged in the same commit as the write that uses them: a create, an expansion or a removal and the
// new `status.used` become visible together or not at all, so concurrent creates cannot overshoot and nothing that
// failed has to be refunded. A quota binds for what its status names; the quota loop fills that in.
import { isJsonObject, type JsonObject } from '#api/json.ts';
import { formatQuantity, parseQuantity } from '#api/quantity.ts';
import { forbidden } from '#api/status.ts';
import { kindCountedBy, nanosOf, quotaCounts, type QuotaUsage, quotaUsage } from '#rules/quota.ts';
import type { Compare, Write } from '#store/store.ts';
import { encodeStored } from '../registry/stored-form.ts';
import type { Target } from '../registry/target.ts';
import type { StoredObject } from '../watch-cache/stored-object.ts';
import type { AdmissionView } from './admission-rule.ts';

const QUOTAS = 'resourcequotas';

/** What belongs into the commit of a write. */
export interface Charge {
  readonly compare: readonly Compare[];
  readonly writes: readonly Write[];
}

export interface Replacement {
  /** Undefined for a create. */
  readonly before: JsonObject | undefined;
  /** Undefined for a removal. */
  readonly after: JsonObject | undefined;
  /** False: what is used is written down, whatever the limit (a status that says what has already happened). */
  readonly isChecked: boolean;
}

const NOTHING: Charge = { compare: [], writes: [] };

/** True when a quota of the namespace counts objects of this kind. */
export function isCharged(view: AdmissionView, { definition, namespace }: Target): boolean {
  const { group, plural } = definition.resource;
  return quotasOf(view, namespace).some((quota) =>
    Object.keys(listOf(quota, 'hard')).some((name) => {
      const kind = kindCountedBy(name);
      return kind?.group === group && kind.plural === plural;
    }),
  );
}

/** Throws 403 when a quota would be exceeded. */
export function chargeQuotas(view: AdmissionView, target: Target, replacement: Replacement): Charge {
  const { definition, namespace } = target;
  const quotas = quotasOf(view, namespace).filter((quota) => !isSelf(target, quota));
  if (quotas.length === 0) return NOTHING;
  const before = usageOf(target, replacement.before);
  const after = usageOf(target, replacement.after);
  const charges = quotas.flatMap((quota) => {
    const { spec } = quota.object;
    const counts = (object: JsonObject | undefined): boolean =>
      object !== undefined && quotaCounts(spec, definition.resource, object);
    const { before: old, after: wanted } = replacement;
    if (old === undefined && wanted !== undefined && counts(wanted)) refuseUnspecified(target, quota, wanted);
    const difference = subtract(
      counts(replacement.after) ? after : EMPTY,
      counts(replacement.before) ? before : EMPTY,
      Object.keys(listOf(quota, 'hard')),
    );
    if (difference.size === 0) return [];
    if (replacement.isChecked) refuseExcess(target, quota, difference);
    return [{ quota, object: charged(quota.object, difference) }];
  });
  const quotaKind = view.definition(QUOTAS);
  if (charges.length === 0 || quotaKind === undefined) return NOTHING;
  return {
    compare: charges.map(({ quota }) => ({ key: quota.key, modRevision: quota.revision })),
    writes: charges.map(({ quota, object }) => ({
      kind: 'put',
      key: quota.key,
      value: encodeStored(quotaKind, object),
    })),
  };
}

const EMPTY: QuotaUsage = new Map();

function quotasOf(view: AdmissionView, namespace: string | undefined): readonly StoredObject[] {
  return namespace === undefined ? [] : [...view.all(QUOTAS, namespace)];
}

function isSelf({ definition, name }: Target, quota: StoredObject): boolean {
  const { group, plural } = definition.resource;
  return group === '' && plural === QUOTAS && quota.name === name;
}

function usageOf({ definition }: Target, object: JsonObject | undefined): QuotaUsage {
  return object === undefined ? EMPTY : quotaUsage(definition.resource, object);
}

/** By how much the use of each of `names` changes. */
function subtract(after: QuotaUsage, before: QuotaUsage, names: readonly string[]): QuotaUsage {
  const changes = names.map((name) => [name, (after.get(name) ?? 0n) - (before.get(name) ?? 0n)] as const);
  return new Map(changes.filter(([, change]) => change !== 0n));
}

/** Under a quota of cpu or memory every container says what it takes; else it would count as nothing. */
function refuseUnspecified({ definition, name }: Target, quota: StoredObject, pod: JsonObject): void {
  if (definition.resource.group !== '' || definition.resource.plural !== 'pods') return;
  const missing = Object.keys(listOf(quota, 'hard'))
    .sort()
    .flatMap((resource) => {
      const containers = unspecified(resource, pod);
      return containers.length === 0 ? [] : [`${resource} for: ${containers.join(',')}`];
    });
  if (missing.length === 0) return;
  throw forbidden(
    definition.resource,
    name,
    `failed quota: ${quota.name}: must specify ${missing.join('; ')}`,
  );
}

/** `cpu`, `requests.cpu` and `limits.cpu`, and the same of memory. */
const SPECIFIED = /^(?:(requests|limits)\.)?(cpu|memory)$/;

function unspecified(resource: string, { spec }: JsonObject): readonly string[] {
  const [, list = 'requests', what = ''] = SPECIFIED.exec(resource) ?? [];
  if (what === '' || !isJsonObject(spec)) return [];
  const containers = [spec.containers, spec.initContainers].flatMap((some) =>
    Array.isArray(some) ? some : [],
  );
  const lacks = (container: JsonObject): boolean => {
    const resources = isJsonObject(container.resources) ? container.resources[list] : undefined;
    return !isJsonObject(resources) || resources[what] === undefined;
  };
  const lacking = containers.filter(isJsonObject).filter(lacks);
  return [...new Set(lacking.flatMap((one) => (typeof one.name === 'string' ? [one.name] : [])))].sort();
}

function refuseExcess({ definition, name }: Target, quota: StoredObject, change: QuotaUsage): void {
  const hard = listOf(quota, 'hard');
  const used = listOf(quota, 'used');
  const wanted = [...change].filter(([, amount]) => amount > 0n).sort(([a], [b]) => (a < b ? -1 : 1));
  const unknown = wanted.filter(([resource]) => used[resource] === undefined).map(([resource]) => resource);
  if (unknown.length > 0) {
    const why = `status unknown for quota: ${quota.name}, resources: ${unknown.join(',')}`;
    throw forbidden(definition.resource, name, why);
  }
  const exceeded = wanted.filter(
    ([resource, amount]) => nanosOf(used[resource]) + amount > nanosOf(hard[resource]),
  );
  if (exceeded.length === 0) return;
  const shown = (text: (resource: string, amount: bigint) => string): string =>
    exceeded.map(([resource, amount]) => `${resource}=${text(resource, amount)}`).join(',');
  const requested = shown((resource, amount) => inFormOf(hard[resource], amount));
  const already = shown((resource) => inFormOf(hard[resource], nanosOf(used[resource])));
  const limited = shown((resource) => inFormOf(hard[resource], nanosOf(hard[resource])));
  const why = `exceeded quota: ${quota.name}, requested: ${requested}, used: ${already}, limited: ${limited}`;
  throw forbidden(definition.resource, name, why);
}

function charged(quota: JsonObject, change: QuotaUsage): JsonObject {
  const status = isJsonObject(quota.status) ? quota.status : {};
  const hard = isJsonObject(status.hard) ? status.hard : {};
  const used = isJsonObject(status.used) ? status.used : {};
  const next = [...change].map(([name, amount]) => {
    const sum = nanosOf(used[name]) + amount;
    return [name, inFormOf(hard[name], sum < 0n ? 0n : sum)] as const;
  });
  return { ...quota, status: { ...status, used: { ...used, ...Object.fromEntries(next) } } };
}

/** The amount written as the limit is: `3Gi` beside a limit of `10Gi`. */
function inFormOf(limit: unknown, nanos: bigint): string {
  const format = typeof limit === 'string' ? parseQuantity(limit)?.format : undefined;
  return formatQuantity({ nanos, format: format ?? 'DecimalSI' });
}

function listOf({ object }: StoredObject, name: 'hard' | 'used'): JsonObject {
  const status = isJsonObject(object.status) ? object.status : {};
  const list = status[name];
  return isJsonObject(list) ? list : {};
}
