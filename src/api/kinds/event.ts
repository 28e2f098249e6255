// Event (core/v1): best-effort notes about objects; only the namespace is checked, as Kubernetes does for old-style
// events.
import type { JsonObject, JsonValue } from '../json.ts';
import type { FieldError } from '../kind.ts';
import { events } from '../resources.ts';
import { since } from './age.ts';
import { cellText, column, defineKind } from './define-kind.ts';
import { type Field, rootOf } from './field.ts';
import { Problems } from './problems.ts';

const ABOUT = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const;

export const eventKind = defineKind({
  resource: events,
  shortNames: ['ev'],
  validateCreate,
  validateUpdate: () => [],
  selectableFieldNames: [
    ...ABOUT.map((name) => `involvedObject.${name}`),
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  selectableFields,
  columns: [
    column('Last Seen'),
    column('Type'),
    column('Reason'),
    column('Object'),
    column('Subobject', { wide: true }),
    column('Source', { wide: true }),
    column('Message'),
    column('First Seen', { wide: true }),
    column('Count', { type: 'integer', wide: true }),
  ],
  row,
  isNameWide: true,
});

function validateCreate(object: JsonObject): readonly FieldError[] {
  const problems = new Problems();
  const root = rootOf(object);
  const about = root.at('involvedObject', 'namespace');
  const namespace = root.at('metadata', 'namespace').text;
  const allowed = about.text === '' ? ['default', 'kube-system', ''] : [about.text];
  if (!allowed.includes(namespace)) problems.invalid(about, 'does not match event.namespace');
  return problems.list;
}

function sourceOf(root: Field): string {
  return root.at('source', 'component').text || root.child('reportingComponent').text;
}

function selectableFields(object: JsonObject): Readonly<Record<string, string>> {
  const root = rootOf(object);
  const about = root.child('involvedObject');
  return {
    ...Object.fromEntries(ABOUT.map((name) => [`involvedObject.${name}`, about.child(name).text])),
    reason: root.child('reason').text,
    reportingComponent: root.child('reportingComponent').text,
    source: sourceOf(root),
    type: root.child('type').text,
  };
}

function row(object: JsonObject, now: number): readonly JsonValue[] {
  const root = rootOf(object);
  const series = root.child('series');
  const first = root.child('firstTimestamp').value ?? root.child('eventTime').value;
  const last = root.child('lastTimestamp').value ?? first;
  const about = root.child('involvedObject');
  const kind = about.child('kind').text.toLowerCase();
  const name = about.child('name').text;
  const host = cellText(root.at('source', 'host').value, root.child('reportingInstance').text);
  return [
    since(series.present ? series.child('lastObservedTime').value : last, now),
    root.child('type').text,
    root.child('reason').text,
    name === '' ? kind : `${kind}/${name}`,
    about.child('fieldPath').text,
    host === '' ? sourceOf(root) : `${sourceOf(root)}, ${host}`,
    root.child('message').text.trim(),
    since(first, now),
    series.child('count').number ?? (root.child('count').number || 1),
  ];
}
