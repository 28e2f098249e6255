// An object, a list or a watch event in the form that was negotiated: the stored bytes as they are, a table, the
// metadata alone, or protobuf made from the decoded object.
import { joinList, listPieces, type WatchEventType, watchFrame } from '#api/encode.ts';
import type { JsonObject } from '#api/json.ts';
import type { KindDefinition } from '#api/kind.ts';
import { partialObjectMetadata, partialObjectMetadataList } from '#api/partial-metadata.ts';
import { encodeProtobuf, encodeProtobufList, protobufWatchFrame } from '#api/protobuf/encode.ts';
import { type IncludeObject, parseIncludeObject, tableOf } from '#api/table.ts';
import type { Form } from './negotiate.ts';
import type { ListPage } from './registry/list.ts';
import { apiVersionOf, isOtherVersion } from './registry/stored-form.ts';
import type { CacheEvent, EventType } from './watch-cache/cache-event.ts';
import { StoredObject } from './watch-cache/stored-object.ts';

export interface RenderOptions {
  readonly form: Form;
  readonly definition: KindDefinition;
  readonly include: IncludeObject;
  /** Epoch milliseconds, for the ages in a table. */
  readonly now: number;
}

/** The options for a request with this query. */
export function renderOptions(
  form: Form,
  definition: KindDefinition,
  query: URLSearchParams,
  now: number,
): RenderOptions {
  const include = form === 'table' ? parseIncludeObject(query.get('includeObject') ?? undefined) : 'None';
  return { form, definition, include, now };
}

export function renderObject(found: StoredObject, options: RenderOptions): Uint8Array {
  const stored = inVersion(found, options.definition);
  switch (options.form) {
    case 'object':
      return stored.bytes;
    case 'table':
      return encoded(table(options, [stored], { resourceVersion: String(stored.revision) }));
    case 'partial':
      return encoded(partialObjectMetadata(stored.object));
    case 'protobuf':
      return encodeProtobuf(stored.object, options.definition.typeName);
  }
}

/** The object under the version that is asked for: a custom resource may be served under several. */
function inVersion(stored: StoredObject, definition: KindDefinition): StoredObject {
  if (!isOtherVersion(definition)) return stored;
  const bytes = encoded({ ...stored.object, apiVersion: apiVersionOf(definition) });
  const { key, namespace, name, revision } = stored;
  return new StoredObject(key, { kindPath: '', namespace, name }, revision, bytes);
}

/** Lists up to this size are one buffer; larger ones are written piece by piece. */
const ONE_BUFFER = 256;
const PIECES_A_CHUNK = 128;

export function renderList(page: ListPage, options: RenderOptions): Uint8Array | AsyncIterable<Uint8Array> {
  const metadata = {
    resourceVersion: String(page.revision),
    ...(page.next !== undefined && { continue: page.next }),
    ...(page.remaining !== undefined && { remainingItemCount: page.remaining }),
  };
  switch (options.form) {
    case 'table':
      return encoded(table(options, page.items, metadata));
    case 'partial':
      return encoded(
        partialObjectMetadataList(
          metadata,
          page.items.map((stored) => stored.object),
        ),
      );
    case 'protobuf': {
      const items = page.items.map((stored) => stored.object);
      return encodeProtobufList({ ...listType(options), metadata }, items, options.definition.typeName);
    }
    case 'object': {
      const head = { ...listType(options), metadata };
      const items = page.items.map((stored) => inVersion(stored, options.definition).bytes);
      return items.length <= ONE_BUFFER ? joinList(head, items) : chunked(listPieces(head, items));
    }
  }
}

function listType({ definition }: RenderOptions): { readonly apiVersion: string; readonly kind: string } {
  const kind = definition.custom?.listKind ?? `${definition.resource.kind}List`;
  return { apiVersion: apiVersionOf(definition), kind };
}

async function* chunked(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let chunk: Uint8Array[] = [];
  for (const piece of pieces) {
    chunk.push(piece);
    if (chunk.length < PIECES_A_CHUNK) continue;
    yield Buffer.concat(chunk);
    chunk = [];
  }
  if (chunk.length > 0) yield Buffer.concat(chunk);
}

/** The frame of an event; in its own form it is the one buffer that all watchers share. */
export function renderEvent(type: EventType, event: CacheEvent, options: RenderOptions): Uint8Array {
  const isShared = options.form === 'object' && !isOtherVersion(options.definition);
  if (isShared) return event.frame(type);
  const object = event.objectOf(type);
  return object === undefined ? event.frame(type) : renderFrame(type, object, options);
}

/** One object as a watch event. */
export function renderFrame(type: EventType, stored: StoredObject, options: RenderOptions): Uint8Array {
  return frame(type, renderObject(stored, options), options);
}

/** The last event of a watch that cannot go on. */
export function renderError(status: JsonObject, options: RenderOptions): Uint8Array {
  const isProtobuf = options.form === 'protobuf';
  return frame('ERROR', isProtobuf ? encodeProtobuf(status, 'meta/v1.Status') : encoded(status), options);
}

function frame(type: WatchEventType, object: Uint8Array, { form }: RenderOptions): Uint8Array {
  return form === 'protobuf' ? protobufWatchFrame(type, object) : watchFrame(type, object);
}

/** A bookmark carries nothing but the revision. */
export function renderBookmark(
  revision: number,
  initialEventsEnd: boolean,
  options: RenderOptions,
): Uint8Array {
  const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  const metadata = { resourceVersion: String(revision), creationTimestamp: null, ...annotations };
  const object = bookmarkObject(metadata, options);
  const { typeName } = options.definition;
  const bytes = options.form === 'protobuf' ? encodeProtobuf(object, typeName) : encoded(object);
  return frame('BOOKMARK', bytes, options);
}

function bookmarkObject(metadata: JsonObject, options: RenderOptions): JsonObject {
  const { definition, form } = options;
  if (form === 'partial') return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
  const object = { kind: definition.resource.kind, apiVersion: apiVersionOf(definition), metadata };
  if (form !== 'table') return object;
  const { resourceVersion } = metadata;
  const row = { cells: [''], object };
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { ...(resourceVersion !== undefined && { resourceVersion }) },
    columnDefinitions: [],
    rows: [row],
  };
}

function table(options: RenderOptions, items: readonly StoredObject[], metadata: JsonObject): JsonObject {
  const { definition, include, now } = options;
  return tableOf(
    definition,
    items.map((stored) => inVersion(stored, definition).object),
    { include, now, metadata },
  );
}

function encoded(object: JsonObject): Uint8Array {
  return Buffer.from(JSON.stringify(object));
}
