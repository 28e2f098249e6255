// PersistentVolumeClaim: a request for storage. Its spec is fixed but for what claim-validate lists.
import type { JsonObject, JsonValue } from '../json.ts';
import { persistentVolumeClaims } from '../resources.ts';
import { shortAccessModes } from './access-modes.ts';
import { ageOf } from './age.ts';
import { CLASS_ANNOTATION } from './claim-class.ts';
import { validateClaim, validateClaimStatusUpdate, validateClaimUpdate } from './claim-validate.ts';
import { cellText, column, defineKind } from './define-kind.ts';
import { editMember, editOrAdd, withDefaults, withMember } from './edit.ts';
import { own, rootOf, type Field } from './field.ts';

export const persistentVolumeClaimKind = defineKind({
  resource: persistentVolumeClaims,
  shortNames: ['pvc'],
  subresources: ['status'],
  defaults,
  prepareForCreate: (object) =>
    editMember({ ...object, status: { phase: 'Pending' } }, 'spec', withBothDataSources),
  validateCreate: (object) => validateClaim(object).list,
  validateUpdate: validateClaimUpdate,
  validateStatusUpdate: validateClaimStatusUpdate,
  selectableFieldNames: ['name'],
  selectableFields: (object) => ({ name: rootOf(object).at('metadata', 'name').text }),
  columns: [
    column('Status'),
    column('Volume'),
    column('Capacity'),
    column('Access Modes'),
    column('StorageClass'),
    column('VolumeAttributesClass'),
    column('Age'),
    column('VolumeMode', { wide: true }),
  ],
  row,
});

function defaults(object: JsonObject): JsonObject {
  const withSpec = editOrAdd(object, 'spec', claimSpecDefaults);
  return editOrAdd(withSpec, 'status', (status) => withDefaults(status, { phase: 'Pending' }));
}

/** Defaults of a claim's spec, also where a pod's ephemeral volume carries one. */
export function claimSpecDefaults(spec: JsonObject): JsonObject {
  const filled = withDefaults(spec, { volumeMode: 'Filesystem' });
  return editMember(filled, 'dataSourceRef', (ref) => {
    const namespace = own(ref, 'namespace');
    return namespace === '' ? withMember(ref, 'namespace', undefined) : ref;
  });
}

/**
 * dataSource is the older form of dataSourceRef: what is given in one is filled in the other. Of dataSource only a claim
 * or a snapshot is kept, as before there were populators.
 */
function withBothDataSources(given: JsonObject): JsonObject {
  const spec = isKnownSource(own(given, 'dataSource')) ? given : withMember(given, 'dataSource', undefined);
  const source = own(spec, 'dataSource');
  const ref = own(spec, 'dataSourceRef');
  if (source !== undefined && ref === undefined) return withMember(spec, 'dataSourceRef', source);
  if (ref === undefined || source !== undefined || own(ref, 'namespace') !== undefined) return spec;
  const { apiGroup } = rootOf({ ref }).child('ref').object;
  const kind = rootOf({ ref }).at('ref', 'kind').text;
  const local = kind === 'PersistentVolumeClaim' || typeof apiGroup === 'string';
  return local ? withMember(spec, 'dataSource', ref) : spec;
}

function isKnownSource(source: JsonValue | undefined): boolean {
  if (source === undefined) return true;
  const { apiGroup = '', kind } = rootOf({ source }).child('source').object;
  if (kind === 'PersistentVolumeClaim') return apiGroup === '';
  return kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io';
}

function row(object: JsonObject, now: number): readonly JsonValue[] {
  const root = rootOf(object);
  const spec = root.child('spec');
  const status = root.child('status');
  const volume = spec.child('volumeName').text;
  const deleting = root.at('metadata', 'deletionTimestamp').present;
  return [
    deleting ? 'Terminating' : status.child('phase').text,
    volume,
    volume === '' ? '' : status.child('capacity').key('storage').text,
    volume === '' ? '' : shortAccessModes(status.child('accessModes').texts),
    classOf(root),
    cellText(spec.child('volumeAttributesClassName').value, '<unset>'),
    ageOf(object, now),
    cellText(spec.child('volumeMode').value, '<unset>'),
  ];
}

function classOf(root: Field): string {
  const annotation = root.at('metadata', 'annotations').key(CLASS_ANNOTATION);
  return annotation.present ? annotation.text : root.at('spec', 'storageClassName').text;
}
