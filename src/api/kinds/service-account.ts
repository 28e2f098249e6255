// ServiceAccount: an identity; nothing of it is checked beyond its metadata.
import { serviceAccounts } from '../resources.ts';
import { ageOf } from './age.ts';
import { column, defineKind } from './define-kind.ts';
import { rootOf } from './field.ts';

export const serviceAccountKind = defineKind({
  resource: serviceAccounts,
  shortNames: ['sa'],
  validateCreate: () => [],
  columns: [column('Secrets', { type: 'integer' }), column('Age')],
  row: (object, now) => [rootOf(object).child('secrets').size, ageOf(object, now)],
});
