// The continue token of a paged list: base64url JSON with the list's revision and the next key. Clients send it back
// unread, so it is refused when anything about it is not what we made (400). Pure.
import { isJsonObject } from '#api/json.ts';
import { badRequest, expired, StatusError } from '#api/status.ts';
import type { JsonObject } from '#api/json.ts';

const TOKEN_VERSION = 'meta.k8s.io/v1';
const MAX_TOKEN_LENGTH = 4096;

/** Revision -1: go on with the newest state, after the token's own revision had expired. */
export const NEWEST = -1;

export interface ContinueToken {
  readonly revision: number;
  /** The first key of the next page, relative to the list's prefix. */
  readonly start: string;
}

export function encodeContinue(token: ContinueToken): string {
  const json = JSON.stringify({ v: TOKEN_VERSION, rv: token.revision, start: token.start });
  return Buffer.from(json).toString('base64url');
}

/** Reads a token. Throws 400 for one that this server cannot have made. */
export function decodeContinue(text: string): ContinueToken {
  const value = text.length > MAX_TOKEN_LENGTH ? undefined : parseToken(text);
  if (!isJsonObject(value) || value.v !== TOKEN_VERSION) {
    throw badRequest('continue key is not valid: it is not a token of this server');
  }
  const { rv, start } = value;
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0 || rv < NEWEST) {
    throw badRequest('continue key is not valid: incorrect encoded start resourceVersion');
  }
  if (typeof start !== 'string' || !isCleanStart(start)) {
    throw badRequest('continue key is not valid: encoded start key is not a key of this list');
  }
  return { revision: rv, start };
}

function parseToken(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
}

/** `namespace/name` or `name`, then an optional NUL (the key after it): nothing that walks out of the prefix. */
function isCleanStart(start: string): boolean {
  const segments = start.replace(/\0$/, '').split('/');
  return segments.length <= 2 && segments.every((part) => part !== '' && part !== '.' && part !== '..');
}

const EXPIRED_TEXT =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
  'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
  'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
  'deleted between the time the first chunk was returned and now may show up in the list.';

/** 410 with a token that goes on at the newest state. */
export class ExpiredContinueError extends StatusError {
  readonly #token: string;

  constructor(start: string) {
    const { code, reason } = expired(EXPIRED_TEXT);
    super(code, reason, EXPIRED_TEXT);
    this.#token = encodeContinue({ revision: NEWEST, start });
  }

  override toStatus(): JsonObject {
    return { ...super.toStatus(), metadata: { continue: this.#token } };
  }
}
