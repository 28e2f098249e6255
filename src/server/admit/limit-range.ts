// LimitRanges of claims: the smallest and largest size a namespace allows. Checked for new claims and for another
// size: Kubernetes checks every write, so that a stricter limit keeps an old claim from being bound or labelled.
import { isJsonObject, type JsonObject, type JsonValue } from '#api/json.ts';
import { compareQuantities, parseQuantity } from '#api/quantity.ts';
import { forbidden } from '#api/status.ts';
import type { Target } from '../registry/target.ts';
import { type AdmissionView, isCore } from './admission-rule.ts';

const REQUEST = ['spec', 'resources', 'requests', 'storage'];

export function refuseOutOfLimits(
  target: Target,
  { claim, old }: { readonly claim: JsonObject; readonly old: JsonObject | undefined },
  view: AdmissionView,
): void {
  if (!isCore(target.definition, 'persistentvolumeclaims')) return;
  const requested = quantityAt(claim, ...REQUEST);
  if (requested === undefined || (old !== undefined && requested === quantityAt(old, ...REQUEST))) return;
  const problems = [...view.all('limitranges', target.namespace)].flatMap(({ object }) =>
    limitsOf(object).flatMap((limit) => problemsOf(limit, requested)),
  );
  if (problems.length === 0) return;
  const text = problems.length === 1 ? String(problems[0]) : `[${problems.join(', ')}]`;
  throw forbidden(target.definition.resource, target.name, text);
}

function limitsOf(range: JsonObject): readonly JsonValue[] {
  const limits = isJsonObject(range.spec) ? range.spec.limits : undefined;
  const list: readonly JsonValue[] = Array.isArray(limits) ? limits : [];
  return list.filter((limit) => isJsonObject(limit) && limit.type === 'PersistentVolumeClaim');
}

function problemsOf(limit: JsonValue, requested: string): readonly string[] {
  const min = quantityAt(limit, 'min', 'storage');
  const max = quantityAt(limit, 'max', 'storage');
  const text = (side: string, bound: string): string =>
    `${side} storage usage per PersistentVolumeClaim is ${bound}, but request is ${requested}`;
  return [
    ...(min !== undefined && compareQuantities(requested, min) < 0 ? [text('minimum', min)] : []),
    ...(max !== undefined && compareQuantities(requested, max) > 0 ? [text('maximum', max)] : []),
  ];
}

function quantityAt(value: JsonValue, ...path: readonly string[]): string | undefined {
  const found = path.reduce<JsonValue | undefined>(
    (one, name) => (isJsonObject(one) ? one[name] : undefined),
    value,
  );
  return typeof found === 'string' && parseQuantity(found) !== undefined ? found : undefined;
}
