// What the quota loop knows of one quota: its limits, its status, when it was last counted, and once they have been
// read the objects it counts.
import type { ResourceQuota } from '#api/generated/core-v1.ts';
import type { JsonObject } from '#api/json.ts';
import { formatQuantity, parseQuantity } from '#api/quantity.ts';
import { type CountedKind, kindCountedBy, quotaCounts, quotaUsage } from '#rules/quota.ts';

export type Amounts = Readonly<Record<string, string>>;

export interface QuotaView {
  readonly isGone: boolean;
  /** The limits of the spec that can be counted. */
  readonly limits: Amounts;
  readonly statusHard: Amounts;
  readonly statusUsed: Amounts;
  /** When the last count found nothing to write, epoch milliseconds. */
  readonly countedAt: number | undefined;
}

/** The objects of one kind in the quota's namespace. */
export interface Counted {
  readonly kind: CountedKind;
  readonly objects: readonly JsonObject[];
}

type Serves = (kind: CountedKind) => boolean;

export function viewQuota(
  quota: ResourceQuota | undefined,
  serves: Serves,
  countedAt: number | undefined,
): QuotaView {
  const limits = Object.entries(quota?.spec?.hard ?? {}).filter(([name]) => {
    const kind = kindCountedBy(name);
    return kind !== undefined && serves(kind); // QTA6
  });
  return {
    isGone: quota === undefined || quota.metadata.deletionTimestamp !== undefined,
    limits: Object.fromEntries(limits),
    statusHard: quota?.status?.hard ?? {},
    statusUsed: quota?.status?.used ?? {},
    countedAt,
  };
}

/** The kinds that the limits are counted from, each once. */
export function kindsToCount(limits: Amounts): readonly CountedKind[] {
  const kinds = Object.keys(limits).flatMap((name) => kindCountedBy(name) ?? []);
  return [...new Map(kinds.map((kind) => [`${kind.group}/${kind.plural}`, kind])).values()];
}

/** What the objects use of each limit (QTA5). */
export function countUse(spec: JsonObject, limits: Amounts, counted: readonly Counted[]): Amounts {
  const sums = new Map(Object.keys(limits).map((name) => [name, 0n]));
  for (const { kind, objects } of counted) {
    for (const object of objects) {
      if (!quotaCounts(spec, kind, object)) continue;
      for (const [name, amount] of quotaUsage(kind, object)) {
        const sum = sums.get(name);
        if (sum !== undefined) sums.set(name, sum + amount);
      }
    }
  }
  return Object.fromEntries(
    [...sums].map(([name, nanos]) => {
      const format = parseQuantity(limits[name] ?? '')?.format ?? 'DecimalSI';
      return [name, formatQuantity({ nanos, format })];
    }),
  );
}
