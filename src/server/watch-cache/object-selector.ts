// Which objects a list or watch is about: namespace, labels and fields in one predicate. An empty part costs nothing:
// the object is parsed only when a label or a field beyond its name must be looked at.
import { isJsonObject, type JsonObject } from '#api/json.ts';
import type { KindDefinition } from '#api/kind.ts';
import {
  type FieldSelector,
  type LabelSelector,
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  requireFields,
} from '#api/selector.ts';
import type { StoredObject } from './stored-object.ts';

const METADATA_FIELDS = ['metadata.name', 'metadata.namespace'];
/** The node a pod is on: agents watch by it, so it is an index. */
const NODE_FIELD = 'spec.nodeName';

export interface ObjectSelector {
  readonly namespace: string | undefined;
  /** True when no label or field is asked for. */
  readonly everything: boolean;
  /** The one name, node that can match, when the fields say so. */
  readonly name: string | undefined;
  readonly node: string | undefined;
  matches(stored: StoredObject): boolean;
}

/** Reads `labelSelector` and `fieldSelector`. Throws a 400 StatusError for what cannot be read or is not offered. */
export function selectObjects(
  definition: KindDefinition,
  namespace: string | undefined,
  query: URLSearchParams,
): ObjectSelector {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '');
  const fields = parseFieldSelector(query.get('fieldSelector') ?? '');
  requireFields(fields, [...METADATA_FIELDS, ...definition.selectableFieldNames]);
  const everything = labels.requirements.length === 0 && fields.requirements.length === 0;
  return {
    namespace,
    everything,
    name: equalTo(fields, 'metadata.name'),
    node: equalTo(fields, NODE_FIELD),
    matches: (stored) =>
      (namespace === undefined || stored.namespace === namespace) &&
      (everything || (fieldsMatch(definition, fields, stored) && labelsMatch(labels, stored))),
  };
}

function equalTo(fields: FieldSelector, field: string): string | undefined {
  return fields.requirements.find((one) => one.field === field && one.operator === '=')?.value;
}

function labelsMatch(selector: LabelSelector, stored: StoredObject): boolean {
  return selector.requirements.length === 0 || matchesLabels(selector, labelsOf(stored.object));
}

function fieldsMatch(definition: KindDefinition, selector: FieldSelector, stored: StoredObject): boolean {
  if (selector.requirements.length === 0) return true;
  const metadata = { 'metadata.name': stored.name, 'metadata.namespace': stored.namespace };
  const own = selector.requirements.every(({ field }) => METADATA_FIELDS.includes(field));
  return matchesFields(
    selector,
    own ? metadata : { ...definition.selectableFields(stored.object), ...metadata },
  );
}

function labelsOf(object: JsonObject): Record<string, string> {
  const labels = isJsonObject(object.metadata) ? object.metadata.labels : undefined;
  const out: Record<string, string> = Object.create(null);
  for (const [key, value] of Object.entries(isJsonObject(labels) ? labels : {})) {
    if (typeof value === 'string') out[key] = value;
  }
  return out;
}

/** The node a pod is bound to; undefined for anything else. */
export function nodeOf(stored: StoredObject): string | undefined {
  const spec = stored.object.spec;
  return isJsonObject(spec) && typeof spec.nodeName === 'string' ? spec.nodeName : undefined;
}
