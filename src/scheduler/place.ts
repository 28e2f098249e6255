// One scheduling decision: look, decide, and assume. From the last look to the assumption nothing else runs; a decision
// that had to give up its turn in between looks again at the node it chose before it takes it.
import type { Pod } from '#api/generated/core-v1.ts';
import { keyOf, type Stored } from '#api/object.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { FeatureGates } from '#rules/feature-gates.ts';
import { priorityOf } from '#rules/preemption.ts';
import type { Assumption, Plan } from './assumptions.ts';
import { decideOn, decideVolumesOn, placementSteps } from './decide.ts';
import { type PreemptionStep, preemptionSteps } from './decide-preemption.ts';
import { Evaluations } from './evaluation.ts';
import { isPlaceable } from './indexes.ts';
import type { Why } from './refusal.ts';
import { Pace, runSteps, Turnstile } from './turnstile.ts';
import { observePod, type Sources } from './view.ts';

/** How long a pod's claims may take to be bound before the node is given up (upstream's bindTimeoutSeconds). */
export const BIND_TIMEOUT_MS = 600_000;

export type Placed =
  | { readonly kind: 'assumed'; readonly assumption: Assumption }
  | { readonly kind: 'refused'; readonly why: Why; readonly preemption: PreemptionStep }
  /** The pod is no longer there to be placed, or what was decided no longer holds. */
  | { readonly kind: 'again' };

export class Placement {
  readonly #deps: Pick<LoopDeps, 'clock'>;
  readonly #sources: Sources;
  readonly #gates: FeatureGates;
  readonly #evaluations = new Evaluations();
  readonly #pace: Pace;
  readonly #turnstile: Turnstile;

  constructor(deps: Pick<LoopDeps, 'clock'>, sources: Sources, gates: FeatureGates) {
    this.#deps = deps;
    this.#sources = sources;
    this.#gates = gates;
    this.#pace = new Pace(deps.clock);
    this.#turnstile = new Turnstile(this.#pace);
  }

  /** Finds a node for the pod and assumes it there, when its turn comes (SCH72). */
  place(pod: Stored<Pod>): Promise<Placed> {
    return this.#turnstile.pass(priorityOf(pod), () => this.#decide(keyOf(pod)));
  }

  /** Plans the delayed claims of a pod that has a node already (SCH75). */
  planOn(pod: Stored<Pod>, nodeName: string): Promise<Placed> {
    return this.#turnstile.pass(priorityOf(pod), async () => {
      const state = this.#sources.state.node(nodeName);
      if (state === undefined) return { kind: 'again' };
      const found = decideVolumesOn(observePod(this.#sources, pod), state);
      if (found.kind === 'refuse') {
        return { kind: 'refused', why: found.why, preemption: { kind: 'none' } };
      }
      return this.#assume(pod, nodeName, found.plans);
    });
  }

  async #decide(key: string): Promise<Placed> {
    const pod = this.#sources.caches.pods.get(key);
    if (pod === undefined || !isPlaceable(pod)) return { kind: 'again' };
    const view = observePod(this.#sources, pod);
    const options = { evaluations: this.#evaluations, gates: this.#gates };
    const { result, isInterrupted } = await runSteps(this.#pace, placementSteps(view, options));
    if (result.kind === 'refuse') {
      const steps = preemptionSteps(view, result.hopeful, this.#evaluations);
      const preemption = (await runSteps(this.#pace, steps)).result;
      return { kind: 'refused', why: result.why, preemption };
    }
    if (!isInterrupted) return this.#assume(pod, result.nodeName, result.plans);
    return this.#takeAnyway(key, result.nodeName);
  }

  /** The world has gone on while the nodes were looked at: the chosen one must still do. */
  #takeAnyway(key: string, nodeName: string): Placed {
    const pod = this.#sources.caches.pods.get(key);
    if (pod === undefined || !isPlaceable(pod)) return { kind: 'again' };
    const state = this.#sources.state.node(nodeName);
    if (state === undefined) return { kind: 'again' };
    const found = decideOn(observePod(this.#sources, pod), state, this.#evaluations);
    return found.kind === 'place' ? this.#assume(pod, nodeName, found.plans) : { kind: 'again' };
  }

  #assume(pod: Stored<Pod>, nodeName: string, plans: readonly Plan[]): Placed {
    const deadline = this.#deps.clock.elapsed() + BIND_TIMEOUT_MS;
    const assumption = { pod, nodeName, plans, deadline, written: new Set<string>(), isBindingSent: false };
    this.#sources.assumptions.assume(assumption);
    return { kind: 'assumed', assumption };
  }
}
