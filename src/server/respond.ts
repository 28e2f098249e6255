// Responses of the handler chain: JSON bodies and the one place where a failure becomes a Status.
import type { JsonObject } from '#api/json.ts';
import { PROTOBUF_TYPE } from '#api/protobuf/encode.ts';
import type { ApiResponse } from '#api/request.ts';
import { internalError, StatusError } from '#api/status.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { Form } from './negotiate.ts';

const JSON_HEADERS = headersFor('application/json');

function headersFor(contentType: string): Readonly<Record<string, string>> {
  return { 'content-type': contentType, 'cache-control': 'no-cache, private' };
}

/** A JSON response; bytes are sent as they are. */
export function jsonResponse(
  status: number,
  body: Uint8Array | AsyncIterable<Uint8Array> | JsonObject,
  warnings: readonly string[] = [],
): ApiResponse {
  const bytes = isBody(body) ? body : Buffer.from(JSON.stringify(body));
  return { status, headers: JSON_HEADERS, body: bytes, ...(warnings.length > 0 && { warnings }) };
}

/** A response in the form that was negotiated. */
export function formResponse(
  status: number,
  form: Form,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  options: { readonly warnings?: readonly string[]; readonly watch?: boolean } = {},
): ApiResponse {
  const { warnings = [], watch = false } = options;
  if (form !== 'protobuf') return jsonResponse(status, body, warnings);
  const headers = headersFor(watch ? `${PROTOBUF_TYPE};stream=watch` : PROTOBUF_TYPE);
  return { status, headers, body, ...(warnings.length > 0 && { warnings }) };
}

export function textResponse(status: number, text: string): ApiResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: Buffer.from(text) };
}

function isBody(
  body: Uint8Array | AsyncIterable<Uint8Array> | JsonObject,
): body is Uint8Array | AsyncIterable<Uint8Array> {
  return body instanceof Uint8Array || Symbol.asyncIterator in body;
}

/** Any failure as a Status. What is not a StatusError is a defect of ours: logged, and a 500 without its details. */
export function errorResponse(error: unknown, log: Log): ApiResponse {
  const status = error instanceof StatusError ? error : unexpected(error, log);
  const response = jsonResponse(status.code, status.toStatus());
  const retryAfter = status.details?.retryAfterSeconds;
  if (retryAfter === undefined) return response;
  return { ...response, headers: { ...response.headers, 'retry-after': String(retryAfter) } };
}

function unexpected(error: unknown, log: Log): StatusError {
  log.error('a request failed for a reason of our own', {
    message: messageOf(error),
    stack: error instanceof Error ? error.stack : undefined,
  });
  return internalError('the server could not finish the request; its log says why');
}
