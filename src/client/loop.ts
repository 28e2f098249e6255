// What every control loop is made from and what it gives back.
import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { Metrics } from '#base/metrics.ts';
import type { Random } from '#base/random.ts';
import type { ApiClient } from './api-client.ts';
import type { EventRecorder } from './events.ts';
import type { InformerSource } from './informer.ts';

/** Everything a loop may touch. Loops read `informers`, write through `api`, and tell users through `events`. */
export interface LoopDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly api: ApiClient;
  readonly informers: InformerSource;
  readonly events: EventRecorder;
  /** Absent: nobody looks. */
  readonly metrics?: Metrics;
}

/** A running part. `run` resolves when the signal aborts; a rejection means the process must stop. */
export interface Service {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}
