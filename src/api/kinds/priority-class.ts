// PriorityClass: a number with a name, for pods. Names that begin with `system-` and numbers above a billion are the
// cluster's own.
import type { JsonObject, JsonValue } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { priorityClasses } from '../resources.ts';
import { ageOf } from './age.ts';
import { column, defineKind } from './define-kind.ts';
import { withDefaults } from './edit.ts';
import { sameValue } from './equal.ts';
import { rootOf } from './field.ts';
import { Problems } from './problems.ts';

const HIGHEST_USER_PRIORITY = 1_000_000_000;
const SYSTEM_PREFIX = 'system-';

/** The classes that every cluster has. */
export const SYSTEM_PRIORITIES = [
  {
    name: 'system-node-critical',
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    name: 'system-cluster-critical',
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
] as const;

export const priorityClassKind = defineKind({
  resource: priorityClasses,
  shortNames: ['pc'],
  defaults: (object) => withDefaults(object, { preemptionPolicy: 'PreemptLowerPriority' }),
  validateCreate: (object) => validate(object).list,
  validateUpdate,
  columns: [
    column('Value', { type: 'integer' }),
    column('Global-Default', { type: 'boolean' }),
    column('Age'),
    column('PreemptionPolicy'),
  ],
  row,
});

function validate(object: JsonObject): Problems {
  const problems = new Problems();
  const root = rootOf(object);
  const value = root.child('value');
  const name = root.at('metadata', 'name');
  if (name.text.startsWith(SYSTEM_PREFIX)) {
    const why = systemFault(root.object);
    const text = `priority class names with '${SYSTEM_PREFIX}' prefix are reserved for system use only.`;
    if (why !== undefined) problems.forbidden(name, `${text} error: ${why}`);
  } else if ((value.number ?? 0) > HIGHEST_USER_PRIORITY) {
    const text = 'maximum allowed value of a user defined priority is';
    problems.forbidden(value, `${text} ${HIGHEST_USER_PRIORITY}`);
  }
  if (root.child('preemptionPolicy').present) {
    problems.oneOf(root.child('preemptionPolicy'), ['Never', 'PreemptLowerPriority']);
  }
  return problems;
}

function systemFault(object: JsonObject): string | undefined {
  const root = rootOf(object);
  const name = root.at('metadata', 'name').text;
  const known = SYSTEM_PRIORITIES.find((one) => one.name === name);
  if (known === undefined) return `${name} is not a known system priority class`;
  if (root.child('value').number !== known.value)
    return `value of ${name} PriorityClass must be ${known.value}`;
  return root.child('globalDefault').flag === true
    ? `globalDefault of ${name} PriorityClass must be false`
    : undefined;
}

function validateUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = new Problems();
  const root = rootOf(object);
  const before = rootOf(old);
  if (!sameValue(root.child('value').value ?? 0, before.child('value').value ?? 0)) {
    problems.forbidden(root.child('value'), 'may not be changed in an update.');
  }
  problems.immutable(root.child('preemptionPolicy'), before.child('preemptionPolicy'));
  return problems.list;
}

function row(object: JsonObject, now: number): readonly JsonValue[] {
  const root = rootOf(object);
  return [
    root.child('value').number ?? 0,
    root.child('globalDefault').flag ?? false,
    ageOf(object, now),
    root.child('preemptionPolicy').text,
  ];
}
