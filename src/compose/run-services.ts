// Runs services together: the first one that rejects stops all of them, and so does the signal.
import type { Service } from '#client/loop.ts';

/** Resolves when every service has stopped; rejects with the first failure after the others have stopped. */
export async function runServices(services: readonly Service[], signal: AbortSignal): Promise<void> {
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const results = await Promise.allSettled(
    services.map(async (service) => {
      try {
        await service.run(either);
      } catch (error) {
        failure.abort();
        throw new Error(`${service.name} stopped`, { cause: error });
      }
    }),
  );
  const failed = results.find((r) => r.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
