// What a failed system call means to the caller of an RPC. Unknown failures are INTERNAL: perhaps something happened.
import { codeOf, messageOf } from '#base/errors.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { FormatOutcome } from '#host/host.ts';
import type { GrpcCode } from '#transport/grpc.ts';

const CODES: Readonly<Record<string, GrpcCode>> = {
  EBUSY: 'ABORTED',
  ESTALE: 'ABORTED',
  ENOSPC: 'RESOURCE_EXHAUSTED',
  EDQUOT: 'RESOURCE_EXHAUSTED',
  UNSUPPORTED: 'FAILED_PRECONDITION',
};

/** Any failure of a step as a CsiError. */
export function csiErrorOf(error: unknown): CsiError {
  if (error instanceof CsiError) return error;
  return new CsiError(CODES[codeOf(error) ?? ''] ?? 'INTERNAL', messageOf(error));
}

/** Throws unless a program has done its work; `doing` begins the message. */
export function demandDone(outcome: FormatOutcome, doing: string): void {
  switch (outcome.kind) {
    case 'done':
      return;
    case 'missing':
      throw new CsiError(
        'FAILED_PRECONDITION',
        `${doing}: the program "${outcome.program}" is not installed on this node; it is in the Debian package "${outcome.debianPackage}"`,
      );
    case 'failed':
      throw new CsiError('INTERNAL', `${doing}: ${outcome.message}`);
    case 'unknown':
      throw new CsiError(
        'DEADLINE_EXCEEDED',
        `${doing}: the program did not end in time, its work has perhaps been done`,
      );
  }
}
