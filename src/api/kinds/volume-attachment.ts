// VolumeAttachment: the intent to attach one volume to one node, and what the driver answered. Its spec never changes.
import type { JsonObject, JsonValue } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { dnsSubdomainProblems } from '../names.ts';
import { volumeAttachments } from '../resources.ts';
import { ageOf } from './age.ts';
import { column, defineKind, statusOnlyFrom } from './define-kind.ts';
import { editMember, withDefaults } from './edit.ts';
import { type Field, rootOf } from './field.ts';
import { driverNameProblems } from './grammar.ts';
import { Problems } from './problems.ts';

const MAX_METADATA_BYTES = 256 * 1024;
const MAX_ERROR_BYTES = 1024;

export const volumeAttachmentKind = defineKind({
  resource: volumeAttachments,
  subresources: ['status'],
  allowsUnconditionalUpdate: false,
  defaults: (object) => editMember(object, 'status', (status) => withDefaults(status, { attached: false })),
  prepareForCreate: (object) => ({ ...object, status: { attached: false } }),
  prepareForStatusUpdate: statusOnlyFrom,
  validateCreate: (object) => validate(object).list,
  validateUpdate,
  validateStatusUpdate: validateUpdate,
  columns: [column('Attacher'), column('PV'), column('Node'), column('Attached'), column('Age')],
  row,
});

function validate(object: JsonObject): Problems {
  const problems = new Problems();
  const spec = rootOf(object).child('spec');
  problems.named(spec.child('attacher'), driverNameProblems);
  checkSource(problems, spec.child('source'));
  problems.named(spec.child('nodeName'), dnsSubdomainProblems);
  checkStatus(problems, rootOf(object).child('status'));
  return problems;
}

function checkSource(problems: Problems, source: Field): void {
  const name = source.child('persistentVolumeName');
  const inline = source.child('inlineVolumeSpec');
  if (name.present && inline.present) {
    problems.forbidden(source, 'must specify exactly one of inlineVolumeSpec and persistentVolumeName');
  } else if (name.present) {
    if (name.text === '') problems.required(name, 'must specify non empty persistentVolumeName');
    else problems.invalidAll(name, dnsSubdomainProblems(name.text));
  } else if (!inline.present) {
    problems.required(source, 'must specify exactly one of inlineVolumeSpec and persistentVolumeName');
  }
}

function checkStatus(problems: Problems, status: Field): void {
  const metadata = status.child('attachmentMetadata');
  const bytes = metadata.entries.reduce(
    (sum, { name, field }) => sum + Buffer.byteLength(name) + Buffer.byteLength(field.text),
    0,
  );
  if (bytes > MAX_METADATA_BYTES) problems.tooLong(metadata, MAX_METADATA_BYTES);
  for (const error of ['attachError', 'detachError']) {
    const message = status.at(error, 'message');
    if (Buffer.byteLength(message.text) > MAX_ERROR_BYTES) problems.tooLong(message, MAX_ERROR_BYTES);
  }
}

function validateUpdate(object: JsonObject, old: JsonObject): readonly FieldError[] {
  const problems = validate(object);
  problems.immutable(rootOf(object).child('spec'), rootOf(old).child('spec'));
  return problems.list;
}

function row(object: JsonObject, now: number): readonly JsonValue[] {
  const root = rootOf(object);
  const spec = root.child('spec');
  return [
    spec.child('attacher').text,
    spec.at('source', 'persistentVolumeName').text,
    spec.child('nodeName').text,
    String(root.at('status', 'attached').flag ?? false),
    ageOf(object, now),
  ];
}
