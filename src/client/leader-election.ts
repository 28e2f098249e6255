// Runs a service only while this process holds a Lease, as several servers or the stock sidecars share one. The service
// is stopped before another can have taken over: the renewal deadline is shorter than the Lease.
import { type Clock, formatMicroTime, sleep } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { Random } from '#base/random.ts';
import type { Lease } from '#api/generated/coordination-v1.ts';
import type { Stored } from '#api/object.ts';
import { leases } from '#api/resources.ts';
import type { ApiClient } from './api-client.ts';
import { decideLease, leaseAfter, type LeaseStep } from './lease-decision.ts';
import type { Service } from './loop.ts';

export interface ElectionDeps {
  readonly api: Pick<ApiClient, 'find' | 'create' | 'update'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface ElectionOptions {
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Unique among the candidates: `<machine>_<uuid>`. */
  readonly identity: string;
  /** Upstream's defaults: 15, 10 and 2 seconds. */
  readonly leaseDurationMs?: number;
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
}

const RELEASE_ATTEMPTS = 3;

/** `service`, run whenever this process leads. After losing the Lease it stands for election again. */
export function leaderElected(deps: ElectionDeps, options: ElectionOptions, service: Service): Service {
  return { name: service.name, run: (signal) => new Election(deps, options, service).run(signal) };
}

class Election {
  readonly #deps: ElectionDeps;
  readonly #options: Required<ElectionOptions>;
  readonly #service: Service;
  #seen: { readonly version: string; readonly since: number } | undefined;
  #renewedAt = 0;
  /** A write without an answer has perhaps made us the holder (law 3). */
  #mayHold = false;

  constructor(deps: ElectionDeps, options: ElectionOptions, service: Service) {
    this.#deps = deps;
    this.#options = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2000, ...options };
    this.#service = service;
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        if (await this.#tryToHold(signal)) await this.#lead(signal);
        else await this.#pause(signal);
      }
    } finally {
      if (this.#mayHold) await this.#release();
    }
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    const term = new AbortController();
    const until = AbortSignal.any([signal, term.signal]);
    // Its failure is taken here: it may come while a renewal is under way and nobody waits for it.
    const serving = this.#service
      .run(until)
      .then(
        () => undefined,
        (error: unknown) => ({ error }),
      )
      .finally(() => term.abort());
    log.info('leading', { lease: this.#options.lease.name });
    // A timer and not a look after each attempt: an attempt may hang. It goes on as long as the term does.
    const endTerm = () => clock.after(this.#remainingMs(), 'periodic', () => term.abort());
    let ending = endTerm();
    while (!until.aborted) {
      await this.#pause(until);
      if (until.aborted || !(await this.#tryToHold(until))) continue;
      ending.cancel();
      ending = endTerm();
    }
    ending.cancel();
    const failure = await serving;
    if (!signal.aborted && failure === undefined)
      log.warn('no longer leading: the Lease was not renewed', { lease: this.#options.lease.name });
    if (failure !== undefined) throw failure.error;
  }

  #remainingMs(): number {
    return this.#renewedAt + this.#options.renewDeadlineMs - this.#deps.clock.elapsed();
  }

  /** True when this process holds the Lease after the call. A failed write leaves that to the next attempt. */
  async #tryToHold(signal: AbortSignal): Promise<boolean> {
    const startedAt = this.#deps.clock.elapsed(); // Others may see the renewal as early as this.
    try {
      const lease = await this.#deps.api.find(leases, this.#options.lease, signal);
      const step = decideLease({
        spec: lease?.spec,
        self: this.#options.identity,
        unchangedMs: this.#unchangedMs(lease),
      });
      this.#mayHold = step.kind !== 'wait';
      if (step.kind === 'wait') return false;
      await this.#write(step, lease, signal);
      this.#renewedAt = startedAt;
      return true;
    } catch (error) {
      this.#deps.log.debug('the Lease could not be read or written', { error: messageOf(error) });
      return false;
    }
  }

  #unchangedMs(lease: Stored<Lease> | undefined): number {
    const now = this.#deps.clock.elapsed();
    const version = lease?.metadata.resourceVersion ?? '';
    if (this.#seen?.version !== version) this.#seen = { version, since: now };
    return now - this.#seen.since;
  }

  async #write(step: LeaseStep, lease: Stored<Lease> | undefined, signal: AbortSignal): Promise<void> {
    const { api, clock } = this.#deps;
    const { identity: self, leaseDurationMs, lease: name } = this.#options;
    const terms = {
      self,
      durationSeconds: Math.ceil(leaseDurationMs / 1000),
      now: formatMicroTime(clock.now()),
    };
    const spec = leaseAfter(step, lease?.spec, terms);
    if (lease === undefined) await api.create(leases, { metadata: name, spec }, signal);
    else await api.update(leases, { ...lease, spec }, signal);
  }

  /** Lets the next candidate begin at once instead of after the whole duration. Best effort: the Lease runs out anyway. */
  async #release(): Promise<void> {
    const { clock, log } = this.#deps;
    const limit = new AbortController();
    const timer = clock.after(2000, 'deadline', () => limit.abort());
    // A write that was given up may still arrive, and then ours is a conflict or has found nothing yet.
    for (let attempt = 0; attempt < RELEASE_ATTEMPTS && !limit.signal.aborted; attempt++) {
      try {
        await this.#giveBack(limit.signal);
        break;
      } catch (error) {
        log.debug('the Lease could not be released', { error: messageOf(error) });
      }
    }
    timer.cancel();
  }

  async #giveBack(signal: AbortSignal): Promise<void> {
    const { api } = this.#deps;
    const lease = await api.find(leases, this.#options.lease, signal);
    if (lease === undefined || lease.spec?.holderIdentity !== this.#options.identity) return;
    const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 };
    await api.update(leases, { ...lease, spec }, signal);
  }

  /** With jitter upwards, so that candidates do not meet at every attempt. */
  #pause(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#deps;
    return sleep(clock, this.#options.retryPeriodMs * (1 + 0.2 * random.fraction()), 'periodic', signal);
  }
}
