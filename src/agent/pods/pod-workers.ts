// One worker a pod: observes the pod, its volumes and its runs, decides (decide.ts), carries out one step, and states
// the result. Keys are UIDs, so a pod made anew under an old name is another pod. A pod that the API no longer has is
// taken down only after a live read said so; when the API does not answer, running pods stay as they are.
import type { Pod } from '#api/generated/core-v1.ts';
import type { Stored } from '#api/object.ts';
import { pods } from '#api/resources.ts';
import { messageOf } from '#base/errors.ts';
import type { Outcome } from '#client/outcome.ts';
import { ownPodsQuery } from '../node/node-scope.ts';
import { decidePod, type PodStep, type PodView, specView } from './decide.ts';
import { DEFAULT_GRACE_SECONDS, graceSecondsOf } from './container-config.ts';
import { readTerminationMessage } from './pod-directory.ts';
import { PodMemory } from './pod-memory.ts';
import { performStep } from './pod-steps.ts';
import type { PodWorkersDeps } from './pod-workers-deps.ts';
import type { Health } from '../probes/health.ts';
import type { ContainerRun, PodRuntime } from './runtime-state.ts';
import { podStatus, type Rejection } from './status.ts';
import { writeStatus } from './status-writer.ts';
import { resolveVolumes } from '../world/resolve.ts';
import { tellBackOff } from './container-events.ts';
import { bySource } from './volume-events.ts';

/** Config maps and secrets are read again this often, besides the events: the kubelet's sync period. */
const RESOLVE_AGAIN_MS = 60_000;
/** Waiting for something that has events; this bounds the harm of a lost one. */
const WAIT_MS = 10_000;
/** A claim is often bound a few milliseconds after its pod: looks at 20, 40, 80 … ms, then every second. */
const UNRESOLVED_FIRST_MS = 20;
const UNRESOLVED_MS = 1000;
/** Before that many looks nobody is told: it is the normal course of a bind. */
const TOLD_AFTER_LOOKS = 5;
/** The kubelet's, for a pod that takes more than it may. */
const EVICTION_GRACE_SECONDS = 1;

export class PodWorkers {
  readonly #deps: PodWorkersDeps;
  readonly #memory = new Map<string, PodMemory>();

  constructor(deps: PodWorkersDeps) {
    this.#deps = deps;
  }

  /** A pod of this node was added or changed. */
  learn(pod: Stored<Pod>): void {
    this.#of(pod.metadata.uid).learn(pod);
    const { desired } = this.#deps;
    // Entered before anything else can look: what a known pod has mounted is kept.
    if (!this.#isReleased.has(pod.metadata.uid)) desired.enter(pod.metadata.uid);
  }

  /** Pods of which nothing is left here, until the cache has forgotten them too. */
  readonly #finished = new Set<string>();
  /** Pods whose volumes have been given back; they never want them again. */
  readonly #isReleased = new Set<string>();

  /** The pod's volumes follow an object that has changed. */
  refresh(podUid: string): void {
    const memory = this.#memory.get(podUid);
    if (memory !== undefined) memory.resolveAgainAt = 0;
  }

  /** The pod fails for this reason and is taken down, for good (AGT83, AGT88). */
  reject(podUid: string, rejection: Rejection): void {
    const memory = this.#memory.get(podUid);
    if (memory?.pod === undefined || memory.rejection !== undefined) return;
    memory.rejection = rejection;
    this.#deps.events.record(memory.pod, { type: 'Warning', ...rejection });
  }

  pod(uid: string): Stored<Pod> | undefined {
    return this.#memory.get(uid)?.pod;
  }

  #of(uid: string): PodMemory {
    const known = this.#memory.get(uid) ?? new PodMemory();
    this.#memory.set(uid, known);
    return known;
  }

  async reconcile(uid: string): Promise<Outcome> {
    if (this.#finished.has(uid)) {
      if (this.#deps.cached(uid) === undefined) this.#dropFinished(uid);
      return { kind: 'settled' };
    }
    const memory = this.#of(uid);
    const runtime = await this.#deps.runtime.observe(uid);
    if (!(await this.#isConfirmed(uid, memory))) {
      return {
        kind: 'blocked',
        because: 'the API has the pod, the cache not yet',
        retryAfterMs: UNRESOLVED_MS,
      };
    }
    const view = await this.#view(uid, memory, runtime);
    const step = decidePod(view);
    return this.#carryOut(uid, { memory, view, step });
  }

  /** Makes sure, by a live list, that a pod missing from the cache is really gone (AGT32). */
  async #isConfirmed(uid: string, memory: PodMemory): Promise<boolean> {
    const { api, cached, nodeName, log } = this.#deps;
    if (cached(uid) !== undefined || memory.isGone) return true;
    const { items } = await api.list(pods, ownPodsQuery(nodeName));
    if (items.some(({ metadata }) => metadata.uid === uid)) return false;
    log.info('a pod is gone from the API: taking it down', { pod: uid, name: memory.pod?.metadata.name });
    memory.isGone = true;
    return true;
  }

  async #view(uid: string, memory: PodMemory, runtime: PodRuntime): Promise<PodView> {
    const { pod, isGone } = memory;
    const { clock, volumes } = this.#deps;
    const isTerminating = isGone || pod === undefined || pod.metadata.deletionTimestamp !== undefined;
    const phase = pod?.status?.phase;
    const isRejected = memory.rejection !== undefined;
    const wasTerminal = phase === 'Succeeded' || phase === 'Failed' || isRejected;
    if (pod !== undefined && !isTerminating && !wasTerminal) await this.#resolve(pod, memory);
    const { pending } = await volumes.podVolumes(uid);
    this.#deps.probes.follow(uid, isTerminating ? undefined : pod, runtime);
    return {
      spec: pod === undefined ? NO_SPEC : specView(pod),
      isTerminating,
      graceSeconds: isRejected ? EVICTION_GRACE_SECONDS : gracePeriod(pod),
      wasTerminal,
      areVolumesResolved: memory.isResolved,
      areVolumesReady: memory.isResolved && pending.length === 0,
      areVolumesReleased: this.#isReleased.has(uid) || (pod === undefined && !this.#deps.desired.has(uid)),
      areVolumesGone: volumes.isClear(uid),
      runtime,
      restartDelayMs: (container, endedAt) => memory.backoff.delayMs(container, endedAt),
      knownRestarts: (container) => knownRestarts(pod, container),
      ...this.#health(pod, runtime),
      now: clock.now(),
    };
  }

  #health(pod: Stored<Pod> | undefined, { runs }: PodRuntime): Pick<PodView, 'sick' | 'isStarted'> {
    const healthOf = (run: ContainerRun): Health | undefined => pod && this.#deps.probes.health(pod, run);
    const running = runs.filter(({ state }) => state === 'running');
    return {
      sick: running.flatMap((run) => {
        const probe = healthOf(run)?.sick;
        return probe === undefined ? [] : [{ id: run.id, name: run.name, probe }];
      }),
      isStarted: (id) => running.some((run) => run.id === id && healthOf(run)?.isStarted === true),
    };
  }

  /** Follows the pod's volume references when they are new, were unresolved, or may have changed. */
  async #resolve(pod: Stored<Pod>, memory: PodMemory): Promise<void> {
    const { clock, desired, log, volumes } = this.#deps;
    const { uid } = pod.metadata;
    if (memory.isResolved && clock.elapsed() < memory.resolveAgainAt) return;
    const isNew = this.#deps.records.publishes().every((record) => record.podUid !== uid);
    try {
      const { mounts, unresolved } = await resolveVolumes(this.#deps, pod, isNew);
      memory.unresolved = unresolved;
      memory.unresolvedLooks = unresolved.length === 0 ? 0 : memory.unresolvedLooks + 1;
      // A volume that cannot be resolved any more keeps what it has: only a whole answer replaces the wishes.
      if (unresolved.length > 0 && memory.isResolved) return;
      memory.isResolved = unresolved.length === 0;
      memory.resolveAgainAt = clock.elapsed() + RESOLVE_AGAIN_MS;
      desired.want(uid, mounts);
      volumes.lookAgainAt(uid);
    } catch (error) {
      if (!memory.isResolved) throw error;
      log.warn('the volumes of a pod could not be looked up again', { pod: uid, error: messageOf(error) });
      memory.resolveAgainAt = clock.elapsed() + WAIT_MS;
    }
  }

  async #carryOut(
    uid: string,
    { memory, view, step }: { readonly memory: PodMemory; readonly view: PodView; readonly step: PodStep },
  ): Promise<Outcome> {
    // Users see the end of the containers before the object goes, and the reason of every wait.
    const mustSay = memory.rejection !== undefined && memory.pod?.status?.phase !== 'Failed';
    const isStatement =
      mustSay ||
      step.kind === 'settled' ||
      step.kind.startsWith('wait') ||
      step.kind === 'release-volumes' ||
      step.kind === 'finalize';
    if (isStatement && !(await this.#state(memory, view))) return { kind: 'progressed' };
    if (step.kind !== 'wait') memory.waitingSince = undefined;
    switch (step.kind) {
      case 'settled':
        return { kind: 'settled' };
      case 'wait':
        return this.#wait(uid, memory, step.because);
      case 'wait-until': {
        if (memory.pod !== undefined) tellBackOff(this.#deps.events, memory.pod, view);
        const retryAfterMs = Math.max(1, step.at - this.#deps.clock.now());
        return { kind: 'blocked', because: 'restart back-off', retryAfterMs };
      }
      case 'release-volumes':
        this.#isReleased.add(uid);
        break;
      default:
        break;
    }
    const outcome = await performStep(this.#deps, { uid, memory, view, step });
    if (outcome === 'finished') this.#forget(uid);
    if (typeof outcome === 'object') {
      await this.#state(memory, view);
      return outcome;
    }
    return outcome === 'finished' ? { kind: 'settled' } : { kind: 'progressed' };
  }

  #forget(uid: string): void {
    this.#memory.delete(uid);
    // The cache may still show the pod for a moment: it must not come back to life.
    this.#finished.add(uid);
    if (this.#deps.cached(uid) === undefined) this.#dropFinished(uid);
  }

  #dropFinished(uid: string): void {
    this.#finished.delete(uid);
    this.#isReleased.delete(uid);
    this.#memory.delete(uid);
  }

  async #wait(
    uid: string,
    memory: PodMemory,
    because: 'volumes' | 'volumes-gone' | 'running',
  ): Promise<Outcome> {
    if (because === 'running') {
      const retryAfterMs = Math.max(1, memory.resolveAgainAt - this.#deps.clock.elapsed());
      const follows = bySource(memory.pod);
      return follows ? { kind: 'blocked', because, retryAfterMs } : { kind: 'settled' };
    }
    const { unresolvedLooks: looks } = memory;
    const isTold = looks === 0 || looks > TOLD_AFTER_LOOKS;
    if (because === 'volumes' && memory.pod !== undefined && isTold) {
      const { pending } = await this.#deps.volumes.podVolumes(uid);
      const now = this.#deps.clock.elapsed();
      memory.waitingSince ??= now;
      const waitedMs = now - memory.waitingSince;
      this.#deps.tellVolumes(memory.pod, { unresolved: memory.unresolved, pending, waitedMs });
    }
    const soon = Math.min(UNRESOLVED_MS, UNRESOLVED_FIRST_MS * 2 ** Math.min(10, looks - 1));
    const retryAfterMs = looks > 0 ? soon : WAIT_MS;
    return { kind: 'blocked', because, retryAfterMs };
  }

  /** Writes the status. False: the pod has changed meanwhile, so the pass begins anew. */
  async #state(memory: PodMemory, view: PodView): Promise<boolean> {
    const { pod } = memory;
    if (pod === undefined || memory.isGone) return true;
    await this.#readMessages(pod, memory, view.runtime);
    const wanted = podStatus({
      pod,
      runtime: view.runtime,
      waiting: memory.waiting,
      restartDelayMs: view.restartDelayMs,
      terminationMessages: memory.terminationMessages,
      hostIp: this.#deps.hostIp,
      runtimeName: this.#deps.runtimeName,
      usesImages: this.#deps.usesImages,
      rejection: memory.rejection,
      health: (run) => this.#deps.probes.health(pod, run),
      now: view.now,
    });
    const write = await writeStatus(this.#deps.api, pod, wanted);
    if (write.kind === 'same') return true;
    if (write.pod === undefined) memory.isGone = true;
    else memory.learn(write.pod);
    return write.kind === 'written';
  }

  async #readMessages(pod: Stored<Pod>, memory: PodMemory, runtime: PodRuntime): Promise<void> {
    for (const run of runtime.runs) {
      if (run.state !== 'exited' || memory.terminationMessages.has(run.id)) continue;
      const path = this.#deps.paths.terminationMessage(pod.metadata.uid, run.name, run.attempt);
      const said = await readTerminationMessage(this.#deps.tree, path);
      memory.terminationMessages.set(run.id, said === '' ? run.message : said);
    }
  }
}

/** The spec of an orphan is gone: the API's default. */
function gracePeriod(pod: Pod | undefined): number {
  return pod === undefined ? DEFAULT_GRACE_SECONDS : graceSecondsOf(pod);
}

const NO_SPEC: PodView['spec'] = { initContainers: [], containers: [], restartPolicy: 'Never' };

function knownRestarts(pod: Pod | undefined, container: string): number | undefined {
  const all = [...(pod?.status?.containerStatuses ?? []), ...(pod?.status?.initContainerStatuses ?? [])];
  const known = all.find((one) => one.name === container);
  return known?.containerID === undefined ? undefined : known.restartCount;
}
