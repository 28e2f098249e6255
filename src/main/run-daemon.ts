// Runs one service as a process until it is told to stop, and says on standard error why it ended otherwise.
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';

/** Runs to the end and exits the process: 0 when stopped, 1 when the service failed. */
export async function runDaemon(
  service: { readonly name: string; run(signal: AbortSignal): Promise<void> },
  log: Log,
  signal: AbortSignal,
): Promise<never> {
  try {
    await service.run(signal);
    process.exit(0);
  } catch (error) {
    log.error('the process stops', { error: messageOf(error) });
    process.stderr.write(
      `${service.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exit(1);
  }
}
