// A failure as it travels on the wire: the Status object, with the texts, reasons and codes of Kubernetes. Whoever
// handles a request throws a StatusError; the server's outermost handler turns it into a response.
import { fieldErrorText } from './field-errors.ts';
import type { JsonObject } from './json.ts';
import type { FieldError } from './kind.ts';

export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** Group and plural (`{ group: 'storage.k8s.io', plural: 'storageclasses' }`); a ResourceType fits. */
export interface ResourceName {
  readonly group: string;
  readonly plural: string;
}

export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;

  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  /** The Status object of the response body. */
  toStatus(): JsonObject {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: detailsJson(this.details) }),
      code: this.code,
    };
  }
}

function detailsJson(details: StatusDetails): JsonObject {
  const { causes, ...rest } = details;
  const kept = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== ''));
  return causes === undefined ? kept : { ...kept, causes: causes.map((cause) => ({ ...cause })) };
}

/** `pods`, `storageclasses.storage.k8s.io`: how messages name a resource or kind. */
export function qualified(name: string, group: string): string {
  return group === '' ? name : `${name}.${group}`;
}

function about(resource: ResourceName, name: string): StatusDetails {
  return { name, group: resource.group, kind: resource.plural };
}

function quoted(resource: ResourceName, name: string): string {
  return `${qualified(resource.plural, resource.group)} "${name}"`;
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

export function unauthorized(message = 'Unauthorized'): StatusError {
  return new StatusError(401, 'Unauthorized', message);
}

export function forbidden(
  resource: ResourceName,
  name: string,
  why: string,
  cause?: StatusCause,
): StatusError {
  const subject = name === '' ? qualified(resource.plural, resource.group) : quoted(resource, name);
  const details = about(resource, name);
  const withCause = cause === undefined ? details : { ...details, causes: [cause] };
  return new StatusError(403, 'Forbidden', `${subject} is forbidden: ${why}`, withCause);
}

export function notFound(resource: ResourceName, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${quoted(resource, name)} not found`, about(resource, name));
}

/** For a path that names no resource that is served. */
export function pathNotFound(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function alreadyExists(resource: ResourceName, name: string): StatusError {
  const message = `${quoted(resource, name)} already exists`;
  return new StatusError(409, 'AlreadyExists', message, about(resource, name));
}

/** Every name that generateName gave was taken. */
export function generatedNameExists(resource: ResourceName, name: string): StatusError {
  const text = 'already exists, the server was not able to generate a unique name for the object';
  const details = { ...about(resource, name), retryAfterSeconds: 1 };
  return new StatusError(409, 'AlreadyExists', `${quoted(resource, name)} ${text}`, details);
}

const MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again';

export function conflict(resource: ResourceName, name: string, why = MODIFIED): StatusError {
  const message = `Operation cannot be fulfilled on ${quoted(resource, name)}: ${why}`;
  return new StatusError(409, 'Conflict', message, about(resource, name));
}

/** A delete or update that named another object (`UID`) or revision (`ResourceVersion`) than the stored one. */
export function preconditionFailed(
  resource: ResourceName,
  name: string,
  what: 'UID' | 'ResourceVersion',
  given: string,
  stored: string,
): StatusError {
  const why = `Precondition failed: ${what} in precondition: ${given}, ${what} in object meta: ${stored}`;
  return conflict(resource, name, why);
}

export function invalid(
  kind: string,
  group: string,
  name: string,
  errors: readonly FieldError[],
): StatusError {
  const texts = [...new Set(errors.map(fieldErrorText))];
  const joined = texts.length === 1 ? texts.join('') : `[${texts.join(', ')}]`;
  const message = `${qualified(kind, group)} "${name}" is invalid${texts.length === 0 ? '' : `: ${joined}`}`;
  const causes = errors.map(({ reason, message: text, field }) => ({ reason, message: text, field }));
  return new StatusError(422, 'Invalid', message, { name, group, kind, causes });
}

export function expired(message: string): StatusError {
  return new StatusError(410, 'Expired', message);
}

export function tooLarge(message: string): StatusError {
  return new StatusError(413, 'RequestEntityTooLarge', message);
}

export function bodyTooLarge(limitBytes: number): StatusError {
  return tooLarge(`Request entity too large: limit is ${limitBytes}`);
}

/** For a path whose resource is served, but not with this HTTP method. */
export function methodNotAllowed(
  message = 'the server does not allow this method on the requested resource',
): StatusError {
  return new StatusError(405, 'MethodNotAllowed', message);
}

export function notAcceptable(accepted: readonly string[]): StatusError {
  const message = `only the following media types are accepted: ${accepted.join(', ')}`;
  return new StatusError(406, 'NotAcceptable', message);
}

export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  const text = 'the body of the request was in an unknown format - accepted media types include';
  return new StatusError(415, 'UnsupportedMediaType', `${text}: ${accepted.join(', ')}`);
}

export function tooManyRequests(
  message = 'Too many requests, please try again later.',
  retryAfterSeconds = 1,
): StatusError {
  return new StatusError(429, 'TooManyRequests', message, { retryAfterSeconds });
}

export function internalError(message: string): StatusError {
  return new StatusError(500, 'InternalError', `Internal error occurred: ${message}`, {
    causes: [{ message }],
  });
}

export function serviceUnavailable(message: string, retryAfterSeconds = 1): StatusError {
  return new StatusError(503, 'ServiceUnavailable', message, { retryAfterSeconds });
}

export function timeout(message: string, retryAfterSeconds = 1): StatusError {
  return new StatusError(504, 'Timeout', `Timeout: ${message}`, { retryAfterSeconds });
}

/** A read at a revision that the store has not reached. */
export function tooLargeResourceVersion(requested: string | number, current: string | number): StatusError {
  const message = `Timeout: Too large resource version: ${requested}, current: ${current}`;
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
  return new StatusError(504, 'Timeout', message, { causes, retryAfterSeconds: 1 });
}
