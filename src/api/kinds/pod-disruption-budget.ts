// PodDisruptionBudget: how many of the selected pods may be missing on purpose. `status` is the disruption loop's; who
// pushes pods off reads it.
import type { JsonObject, JsonValue } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { podDisruptionBudgets } from '../resources.ts';
import { ageOf } from './age.ts';
import { column, defineKind, generationOf, withGeneration } from './define-kind.ts';
import { takeMember, withMember } from './edit.ts';
import { sameValue } from './equal.ts';
import { type Field, rootOf } from './field.ts';
import { Problems } from './problems.ts';
import { checkLabelSelector } from './selector-check.ts';

const PERCENT = /^[0-9]+%$/;
const PERCENT_RULE =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used " +
  "for validation is '[0-9]+%')";
const COUNTS = ['currentHealthy', 'desiredHealthy', 'expectedPods', 'disruptionsAllowed'];

export const podDisruptionBudgetKind = defineKind({
  resource: podDisruptionBudgets,
  shortNames: ['pdb'],
  subresources: ['status'],
  allowsUnconditionalUpdate: false,
  prepareForCreate: (object) => withGeneration(withMember(object, 'status', undefined), 1),
  prepareForUpdate,
  validateCreate: (object) => validate(object),
  validateStatusUpdate,
  columns: [
    column('Min Available'),
    column('Max Unavailable'),
    column('Allowed Disruptions', { type: 'integer' }),
    column('Age'),
  ],
  row,
});

function prepareForUpdate(object: JsonObject, old: JsonObject): JsonObject {
  const changed = !sameValue(object['spec'], old['spec']);
  return withGeneration(takeMember(object, old, 'status'), generationOf(old) + (changed ? 1 : 0));
}

function validate(object: JsonObject): readonly FieldError[] {
  const problems = new Problems();
  const spec = rootOf(object).child('spec');
  const least = spec.child('minAvailable');
  const most = spec.child('maxUnavailable');
  if (least.present && most.present) {
    problems.invalid(spec, 'minAvailable and maxUnavailable cannot be both set');
  }
  for (const amount of [least, most]) checkAmount(problems, amount);
  checkLabelSelector(problems, spec.child('selector'));
  const policy = spec.child('unhealthyPodEvictionPolicy');
  if (policy.present && !['AlwaysAllow', 'IfHealthyBudget'].includes(policy.text)) {
    problems.notSupported(policy, ['AlwaysAllow', 'IfHealthyBudget']);
  }
  return problems.list;
}

/** A number of pods, or a share of them. */
function checkAmount(problems: Problems, amount: Field): void {
  if (!amount.present) return;
  if (amount.number !== undefined) checkNotNegative(problems, amount);
  else if (!PERCENT.test(amount.text)) problems.invalid(amount, PERCENT_RULE);
  else if (Number.parseInt(amount.text, 10) > 100) problems.invalid(amount, 'must not be greater than 100%');
}

function checkNotNegative(problems: Problems, count: Field): void {
  if ((count.number ?? 0) < 0) problems.invalid(count, 'must be greater than or equal to 0');
}

function validateStatusUpdate(object: JsonObject): readonly FieldError[] {
  const problems = new Problems();
  const status = rootOf(object).child('status');
  for (const name of COUNTS) checkNotNegative(problems, status.child(name));
  return problems.list;
}

function row(object: JsonObject, now: number): readonly JsonValue[] {
  const root = rootOf(object);
  const amount = (name: string): string => {
    const { number, text } = root.at('spec', name);
    return number === undefined ? text || 'N/A' : String(number);
  };
  return [
    amount('minAvailable'),
    amount('maxUnavailable'),
    root.at('status', 'disruptionsAllowed').number ?? 0,
    ageOf(object, now),
  ];
}
