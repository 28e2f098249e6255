// RESOURCE_EXHAUSTED leaves open whether a call is still under way, and an orchestrator must then insist on the size. Here
// the pool is asked before anything is done, so a size that does not fit is a final answer: OUT_OF_RANGE.
import { CsiError } from '#csi/csi-error.ts';

export async function asFinal(check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (!(error instanceof CsiError) || error.code !== 'RESOURCE_EXHAUSTED') throw error;
    throw new CsiError('OUT_OF_RANGE', error.message);
  }
}
