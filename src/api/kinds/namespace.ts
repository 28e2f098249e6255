// Namespace: born Active with the `kubernetes` finalizer in its spec, which only the finalize subresource takes away
// once everything inside is gone.
import type { JsonObject } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { labelKeyProblems } from '../names.ts';
import { namespaces } from '../resources.ts';
import { ageOf } from './age.ts';
import { column, defineKind } from './define-kind.ts';
import { editMember, editOrAdd, takeMember, withMember } from './edit.ts';
import { own, rootOf } from './field.ts';
import { Problems } from './problems.ts';

const NAME_LABEL = 'kubernetes.io/metadata.name';
const FINALIZER = 'kubernetes';

export const namespaceKind = defineKind({
  resource: namespaces,
  shortNames: ['ns'],
  subresources: ['status', 'finalize'],
  nameRule: 'label',
  defaults: withNameLabel,
  prepareForCreate,
  prepareForUpdate: (object, old) => takeMember(takeMember(object, old, 'spec'), old, 'status'),
  validateCreate,
  validateUpdate: validateCreate,
  validateStatusUpdate,
  selectableFieldNames: ['status.phase', 'name'],
  selectableFields: (object) => ({
    'status.phase': rootOf(object).at('status', 'phase').text,
    name: rootOf(object).at('metadata', 'name').text,
  }),
  columns: [column('Status'), column('Age')],
  row: (object, now) => [rootOf(object).at('status', 'phase').text, ageOf(object, now)],
});

/** The label that selects a namespace by its name. A generated name gets it in prepareForCreate. */
function withNameLabel(object: JsonObject): JsonObject {
  const name = own(own(object, 'metadata'), 'name');
  if (typeof name !== 'string' || name === '') return object;
  return editMember(object, 'metadata', (meta) =>
    editOrAdd(meta, 'labels', (labels) => withMember(labels, NAME_LABEL, name)),
  );
}

function prepareForCreate(object: JsonObject): JsonObject {
  const given = rootOf(object).at('spec', 'finalizers').texts;
  const finalizers = given.includes(FINALIZER) ? given : [...given, FINALIZER];
  return { ...withNameLabel(object), spec: { finalizers }, status: { phase: 'Active' } };
}

function validateCreate(object: JsonObject): readonly FieldError[] {
  const problems = new Problems();
  for (const item of rootOf(object).at('spec', 'finalizers').items) {
    problems.invalidAll(item, labelKeyProblems(item.text));
    if (!item.text.includes('/') && item.text !== FINALIZER) {
      problems.invalid(item, 'name is neither a standard finalizer name nor is it fully qualified');
    }
  }
  return problems.list;
}

function validateStatusUpdate(object: JsonObject): readonly FieldError[] {
  const problems = new Problems();
  const root = rootOf(object);
  const phase = root.at('status', 'phase');
  const deleting = root.at('metadata', 'deletionTimestamp').present;
  if (!deleting && phase.text !== 'Active') {
    problems.invalid(phase, "may only be 'Active' if `deletionTimestamp` is empty");
  }
  if (deleting && phase.text !== 'Terminating') {
    problems.invalid(phase, "may only be 'Terminating' if `deletionTimestamp` is not empty");
  }
  return problems.list;
}
