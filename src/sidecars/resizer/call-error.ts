// What a failed call to the driver means to the claim, and how it is told to users: with control characters taken out,
// since the text is the driver's.
import { messageOf } from '#base/errors.ts';
import { type CsiError, grpcCodeNumber } from '#csi/csi-error.ts';

/** For classes only INVALID_ARGUMENT is infeasible. */
export const isInfeasibleClass = ({ code }: CsiError): boolean => code === 'INVALID_ARGUMENT';

const MAX_MESSAGE = 512;

export function describeCallError(error: CsiError): string {
  const text = messageOf(error)
    .replace(/\p{Cc}/gu, ' ')
    .slice(0, MAX_MESSAGE);
  return `rpc error: code = ${error.code} (${grpcCodeNumber(error.code)}) desc = ${text}`;
}
