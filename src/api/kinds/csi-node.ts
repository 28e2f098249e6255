// CSINode: which drivers run on a node. An entry may come and go, and its limit may change; its identity may not.
import type { JsonObject } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { labelKeyProblems } from '../names.ts';
import { csiNodes } from '../resources.ts';
import { ageOf } from './age.ts';
import { column, defineKind } from './define-kind.ts';
import { editOrAdd, withDefaults, withMember } from './edit.ts';
import { sameValue } from './equal.ts';
import { Field, rootOf } from './field.ts';
import { driverNameProblems } from './grammar.ts';
import { Problems } from './problems.ts';

const MAX_NODE_ID_BYTES = 256;

export const csiNodeKind = defineKind({
  resource: csiNodes,
  allowsUnconditionalUpdate: false,
  defaults: (object) => editOrAdd(object, 'spec', (spec) => withDefaults(spec, { drivers: [] })),
  validateCreate: (object) => validate(object).list,
  validateUpdate,
  columns: [column('Drivers', { type: 'integer' }), column('Age')],
  row: (object, now) => [rootOf(object).at('spec', 'drivers').size, ageOf(object, now)],
});

function validate(object: JsonObject): Problems {
  const problems = new Problems();
  const seen = new Set<string>();
  for (const driver of rootOf(object).at('spec', 'drivers').items) {
    const name = driver.child('name');
    problems.named(name, driverNameProblems);
    if (seen.has(name.text)) problems.duplicate(name);
    seen.add(name.text);
    checkDriver(problems, driver);
  }
  return problems;
}

function checkDriver(problems: Problems, driver: Field): void {
  const nodeId = driver.child('nodeID');
  if (nodeId.text === '') problems.required(nodeId);
  if (Buffer.byteLength(nodeId.text) > MAX_NODE_ID_BYTES) problems.tooLong(nodeId, MAX_NODE_ID_BYTES);
  const count = driver.at('allocatable', 'count');
  if (count.number !== undefined && count.number < 0) {
    problems.invalid(count, 'must be greater than or equal to 0');
  }
  const keys = new Set<string>();
  for (const key of driver.child('topologyKeys').items) {
    problems.named(key, labelKeyProblems);
    if (keys.has(key.text)) problems.duplicate(key);
    keys.add(key.text);
  }
}

function validateUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = validate(object);
  const before = new Map(
    rootOf(old)
      .at('spec', 'drivers')
      .items.map((driver) => [driver.child('name').text, driver.object]),
  );
  for (const driver of rootOf(object).at('spec', 'drivers').items) {
    const previous = before.get(driver.child('name').text);
    if (previous !== undefined && !sameValue(identityOf(previous), identityOf(driver.object))) {
      problems.invalid(new Field('CSINodeDriver', driver.value), 'field is immutable');
    }
  }
  return problems.list;
}

function identityOf(driver: JsonObject): JsonObject {
  return withMember(driver, 'allocatable', undefined);
}
