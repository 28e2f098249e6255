// The probes of this node's running containers: one worker a probe, as long as its container runs. Verdicts are kept a
// run, and the pod is told when one changes. Readiness and liveness wait for startup.
import type { Container, Pod, Probe } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { type Clock, sleep } from '#base/clock.ts';
import type { EventRecorder } from '#client/events.ts';
import type { ContainerRun, PodRuntime } from '../pods/runtime-state.ts';
import {
  advance,
  type Health,
  healthOf,
  NO_VERDICT,
  PROBE_KINDS,
  type ProbeKind,
  probeOf,
  type Verdict,
} from './health.ts';
import { runProbe, type RunProbeDeps } from './run-probe.ts';

export interface ProbesDeps extends RunProbeDeps {
  readonly clock: Clock;
  readonly events: EventRecorder;
  /** Of pods without an address of their own. */
  readonly hostIp: string;
  readonly podChanged: (podUid: string) => void;
}

interface Watched {
  readonly podUid: string;
  readonly container: Container;
  readonly verdicts: Map<ProbeKind, Verdict>;
  readonly over: AbortController;
}

const TITLES: Readonly<Record<ProbeKind, string>> = {
  startup: 'Startup',
  liveness: 'Liveness',
  readiness: 'Readiness',
};

export class Probes {
  readonly #deps: ProbesDeps;
  readonly #watched = new Map<string, Watched>();

  constructor(deps: ProbesDeps) {
    this.#deps = deps;
  }

  /** Begins with runs that are new and ends with those that have ended. `pod` undefined: ends with all. */
  follow(podUid: string, pod: Stored<Pod> | undefined, runtime: PodRuntime): void {
    const running = new Map(
      runtime.runs.flatMap((run) => (run.state === 'running' ? [[run.id, run] as const] : [])),
    );
    for (const [id, watched] of this.#watched) {
      if (watched.podUid !== podUid || (pod !== undefined && running.has(id))) continue;
      watched.over.abort();
      this.#watched.delete(id);
    }
    if (pod === undefined) return;
    const ip = runtime.sandboxes.find(({ isReady }) => isReady)?.ip ?? '';
    for (const run of running.values()) this.#begin(pod, run, ip === '' ? this.#deps.hostIp : ip);
  }

  /** Ends every worker. */
  stop(): void {
    for (const { over } of this.#watched.values()) over.abort();
    this.#watched.clear();
  }

  /** What is known of a run; one without probes is started and ready. */
  health(pod: Pod, run: ContainerRun): Health {
    const container = containerOf(pod, run.name);
    if (container === undefined) return { isStarted: true, isReady: true, sick: undefined };
    const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
    const status = all.find(({ containerID = '' }) => containerID.endsWith(`://${run.id}`));
    const known = { isStarted: status?.started === true, isReady: status?.ready === true };
    return healthOf(container, this.#watched.get(run.id)?.verdicts ?? new Map(), known);
  }

  #begin(pod: Stored<Pod>, run: ContainerRun, ip: string): void {
    const container = containerOf(pod, run.name);
    if (container === undefined || this.#watched.has(run.id)) return;
    const probes = PROBE_KINDS.flatMap((kind) => {
      const probe = probeOf(container, kind);
      return probe === undefined ? [] : [{ kind, probe }];
    });
    if (probes.length === 0) return;
    const { uid: podUid } = pod.metadata;
    const watched: Watched = { podUid, container, verdicts: new Map(), over: new AbortController() };
    this.#watched.set(run.id, watched);
    for (const { kind, probe } of probes) void this.#work({ pod, run, ip, watched }, kind, probe);
  }

  async #work(
    of: {
      readonly pod: Stored<Pod>;
      readonly run: ContainerRun;
      readonly ip: string;
      readonly watched: Watched;
    },
    kind: ProbeKind,
    probe: Probe,
  ): Promise<void> {
    const { clock } = this.#deps;
    const { run, ip, watched } = of;
    const { container, verdicts } = watched;
    const { signal } = watched.over;
    const age = clock.now() - run.startedAt;
    await sleep(clock, Math.max(0, (probe.initialDelaySeconds ?? 0) * 1000 - age), 'periodic', signal);
    while (!signal.aborted) {
      const mayAsk = kind === 'startup' || this.health(of.pod, run).isStarted;
      if (mayAsk) {
        const result = await runProbe(this.#deps, { containerId: run.id, container, probe, ip });
        if (signal.aborted) return;
        if (!result.isGood) this.#tell(of.pod, kind, result.output);
        const before = verdicts.get(kind) ?? NO_VERDICT;
        const after = advance(before, result.isGood, probe);
        verdicts.set(kind, after);
        if (after.isGood !== before.isGood) this.#deps.podChanged(watched.podUid);
        // Started once is started for this run.
        if (kind === 'startup' && after.isGood !== undefined) return;
      }
      const isStarting = kind !== 'startup' && !mayAsk;
      await sleep(clock, isStarting ? STARTING_MS : (probe.periodSeconds ?? 10) * 1000, 'periodic', signal);
    }
  }

  #tell(pod: Stored<Pod>, kind: ProbeKind, output: string): void {
    const message = `${TITLES[kind]} probe failed: ${output.trim()}`;
    this.#deps.events.record(pod, { type: 'Warning', reason: 'Unhealthy', message });
  }
}

/** How soon the other probes notice that startup has succeeded. */
const STARTING_MS = 250;

function containerOf({ spec }: Pod, name: string): Container | undefined {
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].find((one) => one.name === name);
}
