// What a failed call to the driver means to the claim, and how it is told to users: with control characters taken out,
// since the text is the driver's.
import { type CsiError, grpcCodeNumber, driverText } from '#csi/csi-error.ts';

/** For classes only INVALID_ARGUMENT is infeasible. */
export const isInfeasibleClass = ({ code }: CsiError): boolean => code === 'INVALID_ARGUMENT';

export function describeCallError(error: CsiError): string {
  return `rpc error: code = ${error.code} (${grpcCodeNumber(error.code)}) desc = ${driverText(error)}`;
}
