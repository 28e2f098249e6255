// ResourceQuota: how much of what a namespace may have. `status` says what is used; admission charges it.
import type { JsonObject, JsonValue } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { labelKeyProblems } from '../names.ts';
import { parseQuantity } from '../quantity.ts';
import { resourceQuotas } from '../resources.ts';
import { ageOf } from './age.ts';
import { column, defineKind } from './define-kind.ts';
import { type Field, rootOf } from './field.ts';
import { Problems } from './problems.ts';
import { checkNonNegativeQuantity } from './quantity-check.ts';

const COUNTED = [
  'configmaps',
  'persistentvolumeclaims',
  'pods',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
  'services.loadbalancers',
  'services.nodeports',
];
const POD_RESOURCES = [
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
];
const STANDARD = new Set([...COUNTED, ...POD_RESOURCES, 'requests.storage']);
const CLAIM_RESOURCES = ['persistentvolumeclaims', 'requests.storage'];
/** Scope to the resources it can select. */
const SCOPES: ReadonlyMap<string, readonly string[]> = new Map([
  ['BestEffort', ['pods']],
  ['CrossNamespacePodAffinity', POD_RESOURCES],
  ['NotBestEffort', POD_RESOURCES],
  ['NotTerminating', POD_RESOURCES],
  ['PriorityClass', POD_RESOURCES],
  ['Terminating', POD_RESOURCES],
  ['VolumeAttributesClass', CLAIM_RESOURCES],
]);
const CONFLICTS = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;
/** Scopes that only ask whether there is one: no values. */
const EXISTENCE_SCOPES = ['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating'];

export const resourceQuotaKind = defineKind({
  resource: resourceQuotas,
  shortNames: ['quota'],
  subresources: ['status'],
  validateCreate: (object) => validate(object).list,
  validateUpdate,
  validateStatusUpdate,
  columns: [column('Request'), column('Limit'), column('Age')],
  row,
});

function validate(object: JsonObject): Problems {
  const problems = new Problems();
  const spec = rootOf(object).child('spec');
  for (const { name, field } of spec.child('hard').entries) checkEntry(problems, name, field);
  checkScopes(problems, spec);
  checkSelector(problems, spec);
  return problems;
}

/** One entry of a list of resources that a quota names. */
function checkEntry(problems: Problems, name: string, field: Field): void {
  problems.invalidAll(field, labelKeyProblems(name));
  if (!name.includes('/') && !STANDARD.has(name) && !/^requests\.hugepages-|^hugepages-/.test(name)) {
    problems.invalid(field, 'must be a standard resource for quota');
  }
  const quantity = checkNonNegativeQuantity(problems, field);
  const whole = COUNTED.includes(name) || name.startsWith('count/');
  const parsed = quantity === undefined ? undefined : parseQuantity(quantity);
  if (whole && parsed !== undefined && parsed.nanos % 1_000_000_000n !== 0n) {
    problems.invalid(field, 'must be an integer');
  }
}

function checkScopes(problems: Problems, spec: Field): void {
  const scopes = spec.child('scopes');
  for (const scope of scopes.texts) checkScope(problems, spec, scopes, scope);
  if (CONFLICTS.some((pair) => pair.every((one) => scopes.texts.includes(one)))) {
    problems.invalid(scopes, 'conflicting scopes');
  }
}

function checkScope(problems: Problems, spec: Field, at: Field, scope: string): void {
  const allowed = SCOPES.get(scope);
  if (allowed === undefined) {
    problems.invalid(at, 'unsupported scope');
    return;
  }
  for (const { name } of spec.child('hard').entries) {
    if (STANDARD.has(name) && !allowed.includes(name)) {
      problems.invalid(at, 'unsupported scope applied to resource');
    }
  }
}

function checkSelector(problems: Problems, spec: Field): void {
  const list = spec.at('scopeSelector', 'matchExpressions');
  for (const item of list.items) {
    const scope = item.child('scopeName');
    checkScope(problems, spec, list, scope.text);
    const operator = item.child('operator');
    const values = item.child('values');
    if (EXISTENCE_SCOPES.includes(scope.text) && operator.text !== 'Exists') {
      const text = "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating";
      const rest =
        'ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort and ResourceQuotaScopeNotBestEffort';
      problems.invalid(operator, `${text}, ${rest}`);
    }
    switch (operator.text) {
      case 'In':
      case 'NotIn':
        if (values.size === 0) {
          problems.required(
            values,
            "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
          );
        }
        break;
      case 'Exists':
      case 'DoesNotExist':
        if (values.size > 0) {
          problems.invalid(
            values,
            "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
          );
        }
        break;
      default:
        problems.invalid(operator, 'not a valid selector operator');
    }
  }
}

function validateUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = validate(object);
  const scopes = (root: Field): readonly string[] => [...root.at('spec', 'scopes').texts].sort();
  if (scopes(rootOf(object)).join() !== scopes(rootOf(old)).join()) {
    problems.invalid(rootOf(object).at('spec', 'scopes'), 'field is immutable');
  }
  return problems.list;
}

function validateStatusUpdate(object: JsonObject): readonly FieldError[] {
  const problems = new Problems();
  const status = rootOf(object).child('status');
  for (const list of [status.child('hard'), status.child('used')]) {
    for (const { name, field } of list.entries) checkEntry(problems, name, field);
  }
  return problems.list;
}

function row(object: JsonObject, now: number): readonly JsonValue[] {
  const status = rootOf(object).child('status');
  const shown = status
    .child('hard')
    .entries.map(({ name, field }) => {
      const used = status.child('used').key(name).text;
      return { name, text: `${name}: ${used === '' ? '0' : used}/${field.text}` };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const isLimit = ({ name }: { readonly name: string }): boolean => name.startsWith('limits.');
  return [
    shown
      .filter((one) => !isLimit(one))
      .map((one) => one.text)
      .join(', '),
    shown
      .filter(isLimit)
      .map((one) => one.text)
      .join(', '),
    ageOf(object, now),
  ];
}
