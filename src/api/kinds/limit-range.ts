// LimitRange: the smallest, largest and usual sizes of what is created in a namespace.
import type { JsonObject } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { labelKeyProblems } from '../names.ts';
import { compareQuantities, parseQuantity } from '../quantity.ts';
import { limitRanges } from '../resources.ts';
import { column, defineKind } from './define-kind.ts';
import { type Field, rootOf } from './field.ts';
import { Problems } from './problems.ts';
import { checkNonNegativeQuantity } from './quantity-check.ts';

const TYPES = ['Pod', 'Container', 'PersistentVolumeClaim'];
const LISTS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;
const STANDARD = new Set(['cpu', 'memory', 'ephemeral-storage', 'storage']);

export const limitRangeKind = defineKind({
  resource: limitRanges,
  shortNames: ['limits'],
  validateCreate,
  columns: [column('Created At', { type: 'date' })],
  row: (object) => [rootOf(object).at('metadata', 'creationTimestamp').text],
});

function validateCreate(object: JsonObject): readonly FieldError[] {
  const problems = new Problems();
  const seen = new Set<string>();
  for (const limit of rootOf(object).at('spec', 'limits').items) {
    const type = limit.child('type');
    checkType(problems, type);
    if (seen.has(type.text)) problems.duplicate(type);
    seen.add(type.text);
    checkLimit(problems, limit);
  }
  return problems.list;
}

function checkType(problems: Problems, type: Field): void {
  const wrong = labelKeyProblems(type.text);
  problems.invalidAll(type, wrong);
  if (wrong.length === 0 && !type.text.includes('/') && !TYPES.includes(type.text)) {
    problems.invalid(type, 'must be a standard limit type or fully qualified');
  }
}

function checkLimit(problems: Problems, limit: Field): void {
  const type = limit.child('type').text;
  const names = new Set<string>();
  for (const list of LISTS) {
    for (const { name, field } of limit.child(list).entries) {
      names.add(name);
      problems.invalidAll(field, labelKeyProblems(name));
      if (!name.includes('/') && !STANDARD.has(name) && !name.startsWith('hugepages-')) {
        problems.invalid(field, 'must be a standard resource type or fully qualified');
      }
      checkNonNegativeQuantity(problems, field);
    }
  }
  for (const list of ['default', 'defaultRequest'] as const) {
    if (type === 'Pod' && limit.child(list).size > 0) {
      problems.forbidden(limit.child(list), "may not be specified when `type` is 'Pod'");
    }
  }
  if (type === 'PersistentVolumeClaim') {
    const bounded = [limit.child('min'), limit.child('max')].some((list) => list.key('storage').present);
    if (!bounded) {
      problems.required(
        limit,
        'either minimum or maximum storage value is required, but neither was provided',
      );
    }
  }
  for (const name of names) checkOrder(problems, limit, name);
}

/** For one resource: min <= defaultRequest <= default <= max. */
function checkOrder(problems: Problems, limit: Field, name: string): void {
  const [min, max, usual, request] = [
    limit.child('min').key(name),
    limit.child('max').key(name),
    limit.child('default').key(name),
    limit.child('defaultRequest').key(name),
  ];
  const rows = [
    { low: min, high: max, at: min, text: ['min value', 'max value'] },
    { low: min, high: request, at: request, text: ['min value', 'default request value'] },
    { low: request, high: max, at: request, text: ['default request value', 'max value'] },
    { low: min, high: usual, at: usual, text: ['min value', 'default value'] },
    { low: usual, high: max, at: max, text: ['default value', 'max value'] },
    { low: request, high: usual, at: request, text: ['default request value', 'default limit value'] },
  ];
  for (const { low, high, at, text } of rows) {
    if (!isQuantity(low) || !isQuantity(high) || compareQuantities(low.text, high.text) <= 0) continue;
    problems.invalid(at, `${text[0]} ${low.text} is greater than ${text[1]} ${high.text}`);
  }
}

function isQuantity(field: Field): boolean {
  return field.text !== '' && parseQuantity(field.text) !== undefined;
}
