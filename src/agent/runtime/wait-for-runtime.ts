// The agent starts beside its runtime: it waits until the socket answers, since the Node names the runtime's version.
import { type Clock, sleep } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { PodRuntimeClient } from './pod-runtime.ts';

/** A runtime process that is just starting answers within a few tens of milliseconds. */
const RETRY_MS = 20;
/** Not once for every try. */
const LOG_EVERY = 250;

/** Undefined when the signal aborts first. */
export async function waitForRuntime(
  deps: { readonly clock: Clock; readonly log: Log; readonly criEndpoint: string },
  runtime: PodRuntimeClient,
  signal: AbortSignal,
): Promise<{ readonly name: string; readonly version: string } | undefined> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      return await runtime.version();
    } catch (error) {
      if (attempt % LOG_EVERY === LOG_EVERY - 1) {
        const fields = { endpoint: deps.criEndpoint, error: messageOf(error) };
        deps.log.warn('waiting for the container runtime', fields);
      }
    }
    await sleep(deps.clock, RETRY_MS, 'backoff', signal);
  }
  return undefined;
}
