// Notices what happens in the runtime: its event stream for an instant reaction where it has one, and a comparison of
// listings for what the stream misses. Says which pods changed, and whether the runtime answers at all.
import { type Clock, sleep } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import { GrpcError } from '#transport/grpc.ts';
import { AGENT, POD_UID } from '../pods/labels.ts';
import type { PodRuntimeClient, RuntimeListing } from './pod-runtime.ts';

export interface RuntimeWatchDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly runtime: PodRuntimeClient;
  readonly podChanged: (podUid: string) => void;
  /** Called when `isHealthy` changes. */
  readonly healthChanged: () => void;
}

/** The kubelet's relist period; with a working event stream the listing is only a safety net. */
const RELIST_MS = 1000;
const RELIST_WITH_EVENTS_MS = 5000;
const RECONNECT_MS = 1000;
/** A runtime that is being restarted is no reason to move pods: the kubelet's tolerance. */
const UNHEALTHY_AFTER_MS = 30_000;

export class RuntimeWatch {
  readonly #deps: RuntimeWatchDeps;
  #seen = new Map<string, string>();
  #hasEvents = false;
  #lastAnswer: number | undefined;
  #wasHealthy = false;

  constructor(deps: RuntimeWatchDeps) {
    this.#deps = deps;
  }

  get isHealthy(): boolean {
    if (this.#lastAnswer === undefined) return false;
    return this.#deps.clock.elapsed() - this.#lastAnswer < UNHEALTHY_AFTER_MS;
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#relistLoop(signal), this.#eventLoop(signal)]);
  }

  async #relistLoop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#compare(await this.#deps.runtime.list());
        this.#lastAnswer = this.#deps.clock.elapsed();
      } catch (error) {
        this.#deps.log.warn('the container runtime does not answer', { error: messageOf(error) });
      }
      if (this.isHealthy !== this.#wasHealthy) {
        this.#wasHealthy = this.isHealthy;
        this.#deps.healthChanged();
      }
      const delay = this.#hasEvents ? RELIST_WITH_EVENTS_MS : RELIST_MS;
      await sleep(this.#deps.clock, delay, 'periodic', signal);
    }
  }

  #compare(listing: RuntimeListing): void {
    const now = fingerprints(listing);
    for (const [uid, print] of now) if (this.#seen.get(uid) !== print) this.#deps.podChanged(uid);
    for (const uid of this.#seen.keys()) if (!now.has(uid)) this.#deps.podChanged(uid);
    this.#seen = now;
  }

  async #eventLoop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const event of this.#deps.runtime.cri.containerEvents(signal)) {
          this.#hasEvents = true;
          const status = event.podSandboxStatus;
          if (status?.labels[AGENT] !== this.#deps.runtime.agentId) continue;
          const uid = status.metadata?.uid ?? status.labels[POD_UID];
          if (uid !== undefined && uid !== '') this.#deps.podChanged(uid);
        }
      } catch (error) {
        if (error instanceof GrpcError && error.code === 'UNIMPLEMENTED') return;
        if (!signal.aborted) this.#deps.log.debug('container events ended', { error: messageOf(error) });
      }
      this.#hasEvents = false;
      await sleep(this.#deps.clock, RECONNECT_MS, 'backoff', signal);
    }
  }
}

/** The states of every pod's sandboxes and containers, as one text each. */
export function fingerprints({ sandboxes, containers }: RuntimeListing): Map<string, string> {
  const parts = new Map<string, string[]>();
  for (const { id, state, labels } of [...sandboxes, ...containers]) {
    const uid = labels[POD_UID];
    if (uid === undefined) continue;
    parts.set(uid, [...(parts.get(uid) ?? []), `${id}=${state}`]);
  }
  return new Map([...parts].map(([uid, states]) => [uid, states.sort().join(' ')]));
}
