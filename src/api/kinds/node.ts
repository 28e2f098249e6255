// Node: a machine that runs pods. Its agent writes the status, the scheduler and operators the taints.
import type { JsonObject, JsonValue } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { nodes } from '../resources.ts';
import { ageOf } from './age.ts';
import { cellText, column, defineKind } from './define-kind.ts';
import { editMember, editOrAdd, withDefaults, withMember } from './edit.ts';
import { sameValue } from './equal.ts';
import { own, rootOf, type Field } from './field.ts';
import { Problems } from './problems.ts';
import { checkNonNegativeQuantity } from './quantity-check.ts';
import { checkTaints } from './tolerations.ts';

const ROLE_PREFIX = 'node-role.kubernetes.io/';
const ROLE_LABEL = 'kubernetes.io/role';

export const nodeKind = defineKind({
  resource: nodes,
  shortNames: ['no'],
  subresources: ['status'],
  defaults: (object) => withAllocatable(editOrAdd(object, 'spec', (spec) => spec)),
  // Unlike other kinds a node may be created with its status: agents register themselves in one write.
  prepareForCreate: (object) => object,
  validateCreate: (object) => validate(object).list,
  validateUpdate,
  validateStatusUpdate: (object) => validateStatus(object),
  selectableFieldNames: ['spec.unschedulable'],
  selectableFields: (object) => ({
    'spec.unschedulable': String(rootOf(object).at('spec', 'unschedulable').flag ?? false),
  }),
  columns: [
    column('Status'),
    column('Roles'),
    column('Age'),
    column('Version'),
    column('Internal-IP', { wide: true }),
    column('External-IP', { wide: true }),
    column('OS-Image', { wide: true }),
    column('Kernel-Version', { wide: true }),
    column('Container-Runtime', { wide: true }),
  ],
  row,
});

/** What may be used of a node is all of it until its agent says less. */
function withAllocatable(object: JsonObject): JsonObject {
  return editMember(object, 'status', (status) => {
    const capacity = own(status, 'capacity');
    return capacity === undefined ? status : withDefaults(status, { allocatable: capacity });
  });
}

function validate(object: JsonObject): Problems {
  const problems = new Problems();
  checkTaints(problems, rootOf(object).at('spec', 'taints'));
  return problems;
}

function validateStatus(object: JsonObject): readonly FieldError[] {
  const problems = new Problems();
  for (const list of ['capacity', 'allocatable']) {
    for (const { field } of rootOf(object).at('status', list).entries) {
      checkNonNegativeQuantity(problems, field);
    }
  }
  return problems.list;
}

function validateUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = validate(object);
  const now = rootOf(object).child('spec');
  const before = rootOf(old).child('spec');
  for (const [name, printed] of [
    ['podCIDRs', 'podCIDR'],
    ['providerID', 'providerID'],
  ] as const) {
    const was = before.child(name);
    if (was.present && !sameValue(now.child(name).value, was.value)) {
      problems.forbidden(now.child(name), `node updates may not change ${printed} except from "" to valid`);
    }
  }
  if (!sameValue(fixedPart(now.object), fixedPart(before.object))) {
    problems.forbidden(now, 'node updates may only change labels, taints, or capacity');
  }
  return problems.list;
}

/** The part of a node's spec that has no rule of its own and may not change. */
function fixedPart(spec: JsonObject): JsonObject {
  return ['podCIDR', 'podCIDRs', 'providerID', 'taints', 'unschedulable', 'configSource'].reduce<JsonObject>(
    (rest, name) => withMember(rest, name, undefined),
    spec,
  );
}

function row(object: JsonObject, now: number): readonly JsonValue[] {
  const root = rootOf(object);
  const system = root.at('status', 'nodeInfo');
  return [
    statusCell(root),
    rolesCell(root),
    ageOf(object, now),
    system.child('kubeletVersion').text,
    addressOf(root, 'InternalIP'),
    addressOf(root, 'ExternalIP'),
    cellText(system.child('osImage').value, '<unknown>'),
    cellText(system.child('kernelVersion').value, '<unknown>'),
    cellText(system.child('containerRuntimeVersion').value, '<unknown>'),
  ];
}

function statusCell(root: Field): string {
  const ready = root.at('status', 'conditions').items.find((item) => item.child('type').text === 'Ready');
  const words =
    ready === undefined ? 'Unknown' : ready.child('status').text === 'True' ? 'Ready' : 'NotReady';
  return root.at('spec', 'unschedulable').flag === true ? `${words},SchedulingDisabled` : words;
}

function rolesCell(root: Field): string {
  const roles = new Set<string>();
  for (const { name, field } of root.at('metadata', 'labels').entries) {
    if (name.startsWith(ROLE_PREFIX) && name.length > ROLE_PREFIX.length) {
      roles.add(name.slice(ROLE_PREFIX.length));
    } else if (name === ROLE_LABEL && field.text !== '') roles.add(field.text);
  }
  return roles.size === 0 ? '<none>' : [...roles].sort().join(',');
}

function addressOf(root: Field, type: string): string {
  const found = root.at('status', 'addresses').items.find((item) => item.child('type').text === type);
  return cellText(found?.child('address').value, '<none>');
}
