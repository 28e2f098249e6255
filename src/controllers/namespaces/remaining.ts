// The conditions that tell a user why a namespace does not go: what is left in it, and which finalizers hold that.
// Types, reasons and texts are Kubernetes'.
import type { NamespaceCondition } from '#api/generated/core-v1.ts';
import { formatTime } from '#base/clock.ts';
import type { KindContent } from './view.ts';

type Stated = Omit<NamespaceCondition, 'lastTransitionTime'>;

/** The conditions for what remains, without times. */
export function statedConditions(content: readonly KindContent[]): readonly Stated[] {
  const remaining = content.filter(({ items }) => items.length > 0);
  const kinds = remaining.map(
    ({ type, items }) => `${type.plural}.${type.group} has ${items.length} resource instances`,
  );
  const holders = countFinalizers(remaining);
  const held = [...holders].map(([name, count]) => `${name} in ${count} resource instances`).sort();
  return [
    {
      type: 'NamespaceContentRemaining',
      status: 'True',
      reason: 'SomeResourcesRemain',
      message: `Some resources are remaining: ${kinds.sort().join(', ')}`,
    },
    held.length === 0
      ? {
          type: 'NamespaceFinalizersRemaining',
          status: 'False',
          reason: 'ContentHasNoFinalizers',
          message: 'All content-preserving finalizers finished',
        }
      : {
          type: 'NamespaceFinalizersRemaining',
          status: 'True',
          reason: 'SomeFinalizersRemain',
          message: `Some content in the namespace has finalizers remaining: ${held.join(', ')}`,
        },
  ];
}

function countFinalizers(content: readonly KindContent[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { items } of content) {
    for (const { finalizers } of items) {
      for (const name of finalizers) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return counts;
}

/** `old` with `stated` in it; undefined when that says nothing new. A time changes only with its status. */
export function mergeConditions(
  old: readonly NamespaceCondition[],
  stated: readonly Stated[],
  now: number,
): readonly NamespaceCondition[] | undefined {
  const before = new Map(old.map((condition) => [condition.type, condition]));
  const isNew = ({ type, status, reason, message }: Stated): boolean => {
    const known = before.get(type);
    return known?.status !== status || known.reason !== reason || known.message !== message;
  };
  if (!stated.some(isNew)) return undefined;
  const merged = stated.map((condition) => {
    const known = before.get(condition.type);
    const kept = known?.status === condition.status ? known.lastTransitionTime : undefined;
    return { ...condition, lastTransitionTime: kept ?? formatTime(now) };
  });
  const types = new Set(stated.map(({ type }) => type));
  return [...old.filter(({ type }) => !types.has(type)), ...merged];
}
