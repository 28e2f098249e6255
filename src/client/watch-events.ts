// A watch stream as events: one JSON frame a line. An ERROR frame and a broken stream reject with an ApiError.
import { isJsonObject } from '#api/json.ts';
import type { ApiObject, ResourceType } from '#api/object.ts';
import type { ApiResponse } from '#api/request.ts';
import type { WatchEvent } from './api-client.ts';
import { ApiError } from './api-error.ts';
import { jsonObject, linesOf, storedObject } from './response-body.ts';

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** The events of `body` until the server ends the stream or `signal` aborts. */
export async function* watchEvents<T extends ApiObject>(
  type: ResourceType<T>,
  body: ApiResponse['body'],
  { doing, signal }: { readonly doing: string; readonly signal: AbortSignal },
): AsyncGenerator<WatchEvent<T>> {
  try {
    for await (const line of linesOf(body)) {
      if (signal.aborted) return;
      yield watchEvent(type, line, doing);
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof ApiError ? error : ApiError.noAnswer(doing, error);
  }
}

function watchEvent<T extends ApiObject>(
  type: ResourceType<T>,
  line: Uint8Array,
  doing: string,
): WatchEvent<T> {
  const frame = jsonObject(line);
  switch (frame?.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: frame.type, object: storedObject(type, frame.object, doing) };
    case 'BOOKMARK':
      return bookmark(frame.object, doing);
    case 'ERROR':
      throw ApiError.fromStatus(500, frame.object, doing);
    default:
      throw ApiError.noAnswer(doing, new Error('a watch frame is not JSON with a known type'));
  }
}

function bookmark(object: unknown, doing: string): WatchEvent<never> {
  const metadata = isJsonObject(object) ? object.metadata : undefined;
  if (!isJsonObject(metadata) || typeof metadata.resourceVersion !== 'string') {
    throw ApiError.noAnswer(doing, new Error('a bookmark has no resourceVersion'));
  }
  const { annotations, resourceVersion } = metadata;
  const initialEventsEnd = isJsonObject(annotations) && annotations[INITIAL_EVENTS_END] === 'true';
  return { type: 'BOOKMARK', resourceVersion, initialEventsEnd };
}
