// Reading an answer: whole bodies, newline-separated frames, and JSON turned into objects that have what the server
// guarantees.
import { isJsonObject, type JsonObject } from '#api/json.ts';
import type { ApiObject, ResourceType, Stored } from '#api/object.ts';
import type { ApiResponse } from '#api/request.ts';
import { ApiError } from './api-error.ts';

/** No frame and no object is larger than this; a server that sends one is broken, not slow. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024;
const NEWLINE = 10;

export async function wholeBody(body: ApiResponse['body']): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The JSON object in `bytes`, or undefined when there is none. */
export function jsonObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(
      Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'),
    );
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Splits a stream into its lines, however they are cut into chunks. */
export async function* linesOf(body: ApiResponse['body']): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  for await (const chunk of body instanceof Uint8Array ? [body] : body) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const piece = chunk.subarray(from, end);
      const line = rest.length === 0 ? piece : Buffer.concat([...rest, piece]);
      if (line.length > 0) yield line;
      rest = [];
      restBytes = 0;
      from = end + 1;
    }
    if (from < chunk.length) {
      rest.push(chunk.subarray(from));
      restBytes += chunk.length - from;
    }
    if (restBytes > MAX_FRAME_BYTES) throw new Error(`a watch frame is larger than ${MAX_FRAME_BYTES} bytes`);
  }
  if (restBytes > 0) yield Buffer.concat(rest);
}

/** Checks that `value` has what every stored object has, and names its type, which items of lists leave out. */
export function storedObject<T extends ApiObject>(
  type: ResourceType<T>,
  value: unknown,
  doing: string,
): Stored<T> {
  const metadata = isJsonObject(value) ? value.metadata : undefined;
  const isStored =
    isJsonObject(value) &&
    isJsonObject(metadata) &&
    typeof metadata.name === 'string' &&
    typeof metadata.uid === 'string' &&
    typeof metadata.resourceVersion === 'string';
  if (!isStored) {
    throw new ApiError({
      status: 0,
      reason: 'Unknown',
      message: `${doing}: the answer is not a stored ${type.kind}: metadata.name, uid and resourceVersion are needed`,
    });
  }
  const object =
    typeof value.kind === 'string' ? value : { apiVersion: apiVersionOf(type), kind: type.kind, ...value };
  // The server validated the object against the schema that T was generated from; what it guarantees was checked above.
  return object as unknown as Stored<T>;
}

export function apiVersionOf(type: ResourceType): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}
