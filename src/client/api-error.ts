// The one error of API calls. Callers switch on `status` and `reason`, never on the message.
import { isJsonObject, type JsonObject } from '#api/json.ts';

export interface ApiErrorFields {
  /** The HTTP status; 0 when no answer came: the call has perhaps happened (law 3). */
  readonly status: number;
  /** Kubernetes' reason: `NotFound`, `Conflict`, `AlreadyExists`, `Expired`; `Unknown` when no answer came. */
  readonly reason: string;
  readonly message: string;
  readonly details?: JsonObject | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly reason: string;
  readonly details: JsonObject | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(fields: ApiErrorFields) {
    super(fields.message, { cause: fields.cause });
    this.status = fields.status;
    this.reason = fields.reason;
    this.details = fields.details;
    this.retryAfterSeconds = fields.retryAfterSeconds;
  }

  /** From the Status object of an answer, or of an ERROR event of a watch. */
  static fromStatus(status: number, body: unknown, doing: string): ApiError {
    if (!isJsonObject(body) || body.kind !== 'Status') {
      return new ApiError({
        status,
        reason: reasonOfStatus(status),
        message: `${doing}: the server answered ${status} without a Status object`,
      });
    }
    const details = isJsonObject(body.details) ? body.details : undefined;
    const retryAfter = details?.retryAfterSeconds;
    return new ApiError({
      status: typeof body.code === 'number' ? body.code : status,
      reason: typeof body.reason === 'string' && body.reason !== '' ? body.reason : reasonOfStatus(status),
      message: typeof body.message === 'string' ? body.message : `${doing}: the server answered ${status}`,
      details,
      retryAfterSeconds: typeof retryAfter === 'number' ? retryAfter : undefined,
    });
  }

  /** No answer came: the connection broke, or the caller gave up waiting. */
  static noAnswer(doing: string, cause: unknown): ApiError {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new ApiError({ status: 0, reason: 'Unknown', message: `${doing}: no answer came: ${why}`, cause });
  }
}

function reasonOfStatus(status: number): string {
  return REASONS[status] ?? 'Unknown';
}

/** For answers without a Status object, as proxies give them. */
const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** True for an ApiError whose reason is one of `reasons`. */
export function hasReason(error: unknown, ...reasons: readonly string[]): error is ApiError {
  return error instanceof ApiError && reasons.includes(error.reason);
}
