// PersistentVolume: a piece of storage. Its source and mode never change; claimRef, reclaim policy and capacity may.
import type { JsonObject, JsonValue } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { persistentVolumes } from '../resources.ts';
import { shortAccessModes } from './access-modes.ts';
import { ageOf } from './age.ts';
import { cellText, column, defineKind } from './define-kind.ts';
import { editMember, editOrAdd, withDefaults } from './edit.ts';
import { own, rootOf, type Field } from './field.ts';
import { validateVolume, validateVolumeUpdate } from './persistent-volume-validate.ts';
import { CLASS_ANNOTATION } from './claim-class.ts';

export const persistentVolumeKind = defineKind({
  resource: persistentVolumes,
  shortNames: ['pv'],
  subresources: ['status'],
  defaults,
  prepareForCreate,
  validateCreate: (object): readonly FieldError[] => validateVolume(object).list,
  validateUpdate: validateVolumeUpdate,
  selectableFieldNames: ['name'],
  selectableFields: (object) => ({ name: rootOf(object).at('metadata', 'name').text }),
  columns: [
    column('Capacity'),
    column('Access Modes'),
    column('Reclaim Policy'),
    column('Status'),
    column('Claim'),
    column('StorageClass'),
    column('VolumeAttributesClass'),
    column('Reason'),
    column('Age'),
    column('VolumeMode', { wide: true }),
  ],
  row,
});

function defaults(object: JsonObject): JsonObject {
  const withSpec = editOrAdd(object, 'spec', (spec) => {
    const filled = withDefaults(spec, {
      persistentVolumeReclaimPolicy: 'Retain',
      volumeMode: 'Filesystem',
    });
    const referenced = editMember(filled, 'claimRef', (ref) =>
      withDefaults(ref, { kind: 'PersistentVolumeClaim', apiVersion: 'v1' }),
    );
    const hosted = editMember(referenced, 'hostPath', (source) => withDefaults(source, { type: '' }));
    return editMember(hosted, 'iscsi', (source) => withDefaults(source, { iscsiInterface: 'default' }));
  });
  return editOrAdd(withSpec, 'status', (status) => withDefaults(status, { phase: 'Pending' }));
}

/** A new volume is Pending; the phase began when the volume did, where the server has stamped that already. */
function prepareForCreate(object: JsonObject): JsonObject {
  const created = own(own(object, 'metadata'), 'creationTimestamp');
  const since = typeof created === 'string' ? { lastPhaseTransitionTime: created } : {};
  return { ...object, status: { phase: 'Pending', ...since } };
}

function row(object: JsonObject, now: number): readonly JsonValue[] {
  const root = rootOf(object);
  const spec = root.child('spec');
  const status = root.child('status');
  const deleting = root.at('metadata', 'deletionTimestamp').present;
  return [
    spec.child('capacity').key('storage').text,
    shortAccessModes(spec.child('accessModes').texts),
    spec.child('persistentVolumeReclaimPolicy').text,
    deleting ? 'Terminating' : status.child('phase').text,
    claimCell(spec.child('claimRef')),
    classOf(root),
    cellText(spec.child('volumeAttributesClassName').value, '<unset>'),
    status.child('reason').text,
    ageOf(object, now),
    cellText(spec.child('volumeMode').value, '<unset>'),
  ];
}

function claimCell(ref: Field): string {
  return ref.present ? `${ref.child('namespace').text}/${ref.child('name').text}` : '';
}

function classOf(root: Field): string {
  const annotation = root.at('metadata', 'annotations').key(CLASS_ANNOTATION);
  return annotation.present ? annotation.text : root.at('spec', 'storageClassName').text;
}
