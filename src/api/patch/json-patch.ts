// JSON patch (RFC 6902) through fast-json-patch, with the bounds of Kubernetes: 10,000 operations and 3 MiB copied.
// Applied one operation at a time, because a chain of copies doubles the document at each step.
import jsonPatch, { type Operation } from 'fast-json-patch';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { badRequest, StatusError, tooLarge } from '../status.ts';

const MAX_OPERATIONS = 10_000;
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

const OPERATIONS = new Set<unknown>(['add', 'remove', 'replace', 'move', 'copy', 'test']);

/** Throws 400 when the body is no list of operations, 413 when it holds too many. */
export function parseJsonPatch(body: JsonValue): readonly Operation[] {
  if (!Array.isArray(body)) throw badRequest('a JSON patch must be an array of operations');
  if (body.length > MAX_OPERATIONS) {
    const limit = `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${body.length}`;
    throw tooLarge(limit);
  }
  return body.map((operation: JsonValue, index) => {
    if (!isOperation(operation)) {
      throw badRequest(
        `operation ${index} of the JSON patch is malformed: "op" (add, remove, replace, move, copy or test) and a ` +
          '"path" that is empty or begins with "/" are needed; move and copy also need "from"',
      );
    }
    return operation;
  });
}

function isOperation(value: unknown): value is Operation {
  if (!isJsonObject(value) || !OPERATIONS.has(value.op) || !isPointer(value.path)) return false;
  return (value.op !== 'move' && value.op !== 'copy') || isPointer(value.from);
}

function isPointer(value: unknown): boolean {
  return typeof value === 'string' && (value === '' || value.startsWith('/'));
}

export function applyJsonPatch(original: JsonObject, operations: readonly Operation[]): JsonValue {
  let document: JsonValue = jsonPatch.deepClone(original);
  let copied = 0;
  operations.forEach((operation, index) => {
    try {
      if (operation.op === 'copy') copied += copiedBytes(document, operation.from);
      if (copied > MAX_COPIED_BYTES)
        throw tooLarge(`the copies of a JSON patch exceed ${MAX_COPIED_BYTES} bytes`);
      document = jsonPatch.applyOperation(document, operation, true, true, true, index).newDocument;
    } catch (error) {
      throw patchFailed(error, operation, index);
    }
  });
  return document;
}

function copiedBytes(document: JsonValue, from: string): number {
  const value: unknown = jsonPatch.getValueByPointer(document, from);
  return JSON.stringify(value)?.length ?? 0;
}

/** 422, as the API server answers; the library's own text repeats the whole document, so it is left out. */
function patchFailed(error: unknown, { op, path }: Operation, index: number): StatusError {
  if (error instanceof StatusError) return error;
  const code = error instanceof jsonPatch.JsonPatchError ? error.name : 'OPERATION_REFUSED';
  const why = `operation ${index} (${op} "${path}") does not apply: ${code}`;
  const text = 'the server rejected our request due to an error in our request';
  return new StatusError(422, 'Invalid', `${text}: ${why}`, { causes: [{ message: why }] });
}
