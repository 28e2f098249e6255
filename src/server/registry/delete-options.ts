// DeleteOptions, from the body or the query. Pure.
import { isJsonObject, type JsonObject } from '#api/json.ts';
import { mediaType, parseBody } from '#api/parse-body.ts';
import { decodeProtobuf } from '#api/protobuf/decode.ts';
import { PROTOBUF_TYPE } from '#api/protobuf/encode.ts';
import { badRequest } from '#api/status.ts';
import { parseCount } from './list-options.ts';

export interface DeleteOptions {
  readonly gracePeriodSeconds: number | undefined;
  readonly preconditions: { readonly uid?: string; readonly resourceVersion?: string };
  readonly dryRun: boolean;
}

const POLICIES = ['Orphan', 'Background', 'Foreground'];

/** Reads the options of a delete. Throws 400. Every propagation policy is accepted: dependents are the garbage loop's. */
export function readDeleteOptions(
  body: Uint8Array | undefined,
  contentType: string,
  query: URLSearchParams,
): DeleteOptions {
  const given = body === undefined || body.length === 0 ? {} : readBody(body, contentType);
  const policy = given.propagationPolicy ?? query.get('propagationPolicy') ?? undefined;
  if (policy !== undefined && !POLICIES.some((known) => known === policy)) {
    throw badRequest(`propagationPolicy ${JSON.stringify(policy)}: one of ${POLICIES.join(', ')} is needed`);
  }
  return {
    gracePeriodSeconds: readGrace(given, query),
    preconditions: readPreconditions(given.preconditions),
    dryRun: readDryRun([...(Array.isArray(given.dryRun) ? given.dryRun : []), ...query.getAll('dryRun')]),
  };
}

function readBody(body: Uint8Array, contentType: string): JsonObject {
  const value =
    mediaType(contentType) === PROTOBUF_TYPE
      ? decodeProtobuf(body, 'meta/v1.DeleteOptions')
      : parseBody(body, contentType);
  if (!isJsonObject(value)) throw badRequest('the body of a delete must be a DeleteOptions object');
  if (value.kind !== undefined && value.kind !== 'DeleteOptions') {
    throw badRequest(`the body of a delete must be DeleteOptions, not ${JSON.stringify(value.kind)}`);
  }
  return value;
}

function readGrace(given: JsonObject, query: URLSearchParams): number | undefined {
  const value = given.gracePeriodSeconds;
  if (value === undefined || value === null) {
    return parseCount(query.get('gracePeriodSeconds'), 'gracePeriodSeconds');
  }
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw badRequest(`gracePeriodSeconds ${JSON.stringify(value)}: a whole number of at least 0 is needed`);
  }
  return value;
}

function readPreconditions(value: unknown): DeleteOptions['preconditions'] {
  if (!isJsonObject(value)) return {};
  return {
    ...(typeof value.uid === 'string' && { uid: value.uid }),
    ...(typeof value.resourceVersion === 'string' && { resourceVersion: value.resourceVersion }),
  };
}

/** `dryRun=All` is the one value there is. */
export function readDryRun(values: readonly unknown[]): boolean {
  const wrong = values.find((value) => value !== 'All' && value !== '');
  if (wrong !== undefined) {
    throw badRequest(`dryRun ${JSON.stringify(wrong)}: Unsupported value, supported values: "All"`);
  }
  return values.includes('All');
}
