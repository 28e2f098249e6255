// The driver's half of provisioning: one CreateVolume with the intent's arguments, and what its answer means.
// Rule PRV6 is carried out here too.
import { readSecret } from '#client/read-secret.ts';
import { CsiError } from '#csi/csi-error.ts';
import type { Volume } from '#csi/generated/csi.ts';
import type { ProvisionerDeps } from './deps.ts';
import type { Intent } from './intent.ts';
import { checkReply } from './persistent-volume.ts';

export type CreateResult =
  | { readonly kind: 'created'; readonly volume: Volume }
  /** Answered with certainty: no volume of this name exists. */
  | { readonly kind: 'refused'; readonly error: CsiError }
  /** The driver says twice that there is no room; the second answer proves that the first call made nothing. */
  | { readonly kind: 'no-room'; readonly error: CsiError }
  /** It has perhaps happened. */
  | { readonly kind: 'unknown'; readonly error: unknown }
  /** It happened, but not as asked. */
  | { readonly kind: 'wrong'; readonly volume: Volume; readonly because: string };

/** Calls CreateVolume (PRV5). Whether a refusal is certain depends on the calls before it (PRV7). */
export async function createVolume(
  deps: ProvisionerDeps,
  intent: Intent,
  signal: AbortSignal,
): Promise<CreateResult> {
  const isFirst = deps.freshIntents.delete(intent.name);
  if (isFirst) deps.answeredIntents.add(intent.name);
  const first = await call(deps, intent, signal);
  if (first.kind === 'failed' && isExhausted(first.error) && deps.answeredIntents.has(intent.name)) {
    const second = await call(deps, intent, signal);
    if (second.kind === 'failed' && isExhausted(second.error))
      return { kind: 'no-room', error: second.error };
    return outcomeOf(deps, intent, second);
  }
  return outcomeOf(deps, intent, first);
}

type Answer =
  | { readonly kind: 'answered'; readonly volume: Volume | null }
  | { readonly kind: 'failed'; readonly error: unknown };

async function call(deps: ProvisionerDeps, intent: Intent, signal: AbortSignal): Promise<Answer> {
  try {
    const secrets = await readSecret(deps, intent.plan.secrets.provisioner, signal);
    const response = await deps.driver.connection.controller.createVolume(
      { ...intent.request, secrets },
      { timeoutMs: deps.callTimeoutMs, signal },
    );
    return { kind: 'answered', volume: response.volume };
  } catch (error) {
    return { kind: 'failed', error };
  }
}

function outcomeOf(deps: ProvisionerDeps, intent: Intent, answer: Answer): CreateResult {
  if (answer.kind === 'answered') {
    const wrong = checkReply(intent, answer.volume);
    if (answer.volume === null) return { kind: 'unknown', error: new Error(wrong) };
    return wrong === undefined
      ? { kind: 'created', volume: answer.volume }
      : { kind: 'wrong', volume: answer.volume, because: wrong };
  }
  const { error } = answer;
  const isCertain = error instanceof CsiError && error.certainty === 'final';
  if (isCertain && deps.answeredIntents.has(intent.name)) return { kind: 'refused', error };
  if (!isCertain) deps.answeredIntents.delete(intent.name);
  return { kind: 'unknown', error };
}

function isExhausted(error: unknown): error is CsiError {
  return error instanceof CsiError && error.code === 'RESOURCE_EXHAUSTED';
}
