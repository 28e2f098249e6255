// CSIStorageCapacity: what one driver can still give for one class in one segment of the topology. Which class and
// segment it speaks of never changes; the numbers do.
import type { JsonObject } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { dnsSubdomainProblems } from '../names.ts';
import { csiStorageCapacities } from '../resources.ts';
import { column, defineKind } from './define-kind.ts';
import { rootOf } from './field.ts';
import { Problems } from './problems.ts';
import { checkNonNegativeQuantity } from './quantity-check.ts';
import { checkLabelSelector } from './selector-check.ts';

export const csiStorageCapacityKind = defineKind({
  resource: csiStorageCapacities,
  allowsUnconditionalUpdate: false,
  validateCreate: (object) => validate(object).list,
  validateUpdate,
  columns: [column('StorageClassName'), column('Capacity')],
  row: (object) => [rootOf(object).child('storageClassName').text, rootOf(object).child('capacity').text],
});

function validate(object: JsonObject): Problems {
  const problems = new Problems();
  const root = rootOf(object);
  problems.invalidAll(
    root.child('storageClassName'),
    dnsSubdomainProblems(root.child('storageClassName').text),
  );
  checkLabelSelector(problems, root.child('nodeTopology'));
  for (const size of [root.child('capacity'), root.child('maximumVolumeSize')]) {
    if (size.present) checkNonNegativeQuantity(problems, size);
  }
  return problems;
}

function validateUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = validate(object);
  for (const name of ['nodeTopology', 'storageClassName']) {
    problems.immutable(rootOf(object).child(name), rootOf(old).child(name));
  }
  return problems.list;
}
