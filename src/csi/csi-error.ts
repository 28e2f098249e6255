// What a failed CSI call means: `final` (it did not happen) or `uncertain` (it has perhaps happened, law 3).
// The table follows the CSI reference implementations and is stricter where they guess: UNKNOWN, INTERNAL and
// DATA_LOSS are uncertain, since a crashed handler often surfaces as INTERNAL.
import { messageOf } from '#base/errors.ts';
import { GRPC_CODES, type GrpcCode } from '#transport/grpc.ts';

export type Certainty = 'final' | 'uncertain';

const CERTAINTY: Readonly<Record<GrpcCode, Certainty>> = {
  OK: 'final',
  CANCELLED: 'uncertain',
  UNKNOWN: 'uncertain',
  INVALID_ARGUMENT: 'final',
  DEADLINE_EXCEEDED: 'uncertain',
  NOT_FOUND: 'final',
  ALREADY_EXISTS: 'final',
  PERMISSION_DENIED: 'final',
  RESOURCE_EXHAUSTED: 'uncertain',
  FAILED_PRECONDITION: 'final',
  ABORTED: 'uncertain',
  OUT_OF_RANGE: 'final',
  UNIMPLEMENTED: 'final',
  INTERNAL: 'uncertain',
  UNAVAILABLE: 'uncertain',
  DATA_LOSS: 'uncertain',
  UNAUTHENTICATED: 'final',
};

/** Whether a call that ended with `code` may have had an effect. */
export function certaintyOf(code: GrpcCode): Certainty {
  return CERTAINTY[code];
}

/** A failed CSI call. Switch on `code`, never on the message; the message may hold hostile text: escape it. */
export class CsiError extends Error {
  override readonly name = 'CsiError';
  readonly code: GrpcCode;
  constructor(code: GrpcCode, message: string) {
    super(message);
    this.code = code;
  }
  get certainty(): Certainty {
    return certaintyOf(this.code);
  }
}

/** The code's number on the wire, as VolumeError.errorCode wants it. */
export function grpcCodeNumber(code: GrpcCode): number {
  return GRPC_CODES.indexOf(code);
}

// Kubernetes bounds an Event's message at 1024 bytes; what was being done needs room as well.
const MAX_TEXT = 512;

/** What a driver said, for users: its text can be hostile, so it is bounded and has no control characters. */
export function driverText(error: unknown): string {
  return messageOf(error)
    .replace(/\p{Cc}/gu, ' ')
    .slice(0, MAX_TEXT);
}

/** A failed call as the stock sidecars spell it: `rpc error: code = … desc = …`. */
export function callErrorText(error: CsiError): string {
  return `rpc error: code = ${error.code} desc = ${driverText(error)}`;
}
