// Lease: a leader's or node's claim to be alive; its numbers must make sense.
import type { JsonObject } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { leases } from '../resources.ts';
import { ageOf } from './age.ts';
import { column, defineKind } from './define-kind.ts';
import { rootOf } from './field.ts';
import { Problems } from './problems.ts';

export const leaseKind = defineKind({
  resource: leases,
  allowsUnconditionalUpdate: false,
  validateCreate,
  columns: [column('Holder'), column('Age')],
  row: (object, now) => [rootOf(object).at('spec', 'holderIdentity').text, ageOf(object, now)],
});

function validateCreate(object: JsonObject): readonly FieldError[] {
  const problems = new Problems();
  const spec = rootOf(object).child('spec');
  const duration = spec.child('leaseDurationSeconds');
  const transitions = spec.child('leaseTransitions');
  if (duration.number !== undefined && duration.number <= 0) {
    problems.invalid(duration, 'must be greater than 0');
  }
  if (transitions.number !== undefined && transitions.number < 0) {
    problems.invalid(transitions, 'must be greater than or equal to 0');
  }
  return problems.list;
}
