// Carries out one step for one namespace. Keys are names of namespaces.
// Rule NSP8 is carried out here too.
import { customResourceDefinitions } from '#api/crd/definition-kind.ts';
import type { Namespace } from '#api/generated/core-v1.ts';
import type { ResourceType, Stored } from '#api/object.ts';
import { namespaces } from '#api/resources.ts';
import { assertNever } from '#base/assert.ts';
import { hasReason } from '#client/api-error.ts';
import type { Informer } from '#client/informer.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome, Reconcile } from '#client/outcome.ts';
import { decideContent, decideNamespace } from './decide.ts';
import { mergeConditions, statedConditions } from './remaining.ts';
import {
  type ContentItem,
  deletionOrder,
  type KindContent,
  NAMESPACE_FINALIZER,
  viewContent,
  viewNamespace,
} from './view.ts';

/** Pods and claims announce their end; this is for what does not, and for pods that take their grace period. */
const LOOK_AGAIN_MS = 1000;

export function namespaceReconcile(deps: LoopDeps, informer: Informer<Namespace>): Reconcile {
  return async (name, signal) => {
    const namespace = informer.get(name);
    if (namespace === undefined) return { kind: 'settled' };
    const step = decideNamespace(viewNamespace(namespace));
    try {
      switch (step.kind) {
        case 'settled':
          return { kind: 'settled' };
        case 'mark-terminating':
          return await markTerminating(deps, informer, namespace, signal);
        case 'empty':
          return await empty(deps, informer, namespace, signal);
        default:
          return assertNever(step);
      }
    } catch (error) {
      return { kind: 'failed', error };
    }
  };
}

async function markTerminating(
  { api }: LoopDeps,
  informer: Informer<Namespace>,
  namespace: Stored<Namespace>,
  signal: AbortSignal,
): Promise<Outcome> {
  const marked: Namespace = { ...namespace, status: { ...namespace.status, phase: 'Terminating' } };
  const { metadata } = await api.updateStatus(namespaces, marked, signal);
  return { kind: 'progressed', wrote: { informer, resourceVersion: metadata.resourceVersion } };
}

async function empty(
  deps: LoopDeps,
  informer: Informer<Namespace>,
  namespace: Stored<Namespace>,
  signal: AbortSignal,
): Promise<Outcome> {
  const { name } = namespace.metadata;
  const content = await observeContent(deps, name, signal);
  const step = decideContent(content);
  switch (step.kind) {
    case 'wait': {
      const told = await tellWhatRemains(deps, informer, namespace, content, signal);
      return told ?? { kind: 'blocked', because: step.because, retryAfterMs: LOOK_AGAIN_MS };
    }
    case 'delete':
      for (const item of step.items) await deleteItem(deps, name, step.type, item, signal);
      return { kind: 'progressed' };
    case 'finalize':
      return finalize(deps, informer, namespace, signal);
    default:
      return assertNever(step);
  }
}

/** Says in the status why the namespace is still there; undefined when it says so already (NSP9). */
async function tellWhatRemains(
  { api, clock }: LoopDeps,
  informer: Informer<Namespace>,
  namespace: Stored<Namespace>,
  content: readonly KindContent[],
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  const known = namespace.status?.conditions ?? [];
  const conditions = mergeConditions(known, statedConditions(content), clock.now());
  if (conditions === undefined) return undefined;
  const told: Namespace = { ...namespace, status: { ...namespace.status, conditions } };
  const { metadata } = await api.updateStatus(namespaces, told, signal);
  return { kind: 'progressed', wrote: { informer, resourceVersion: metadata.resourceVersion } };
}

/** Live: a cache that lags would let the namespace go with something in it. */
async function observeContent(
  { api }: LoopDeps,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly KindContent[]> {
  const content: KindContent[] = [];
  const definitions = await api.list(customResourceDefinitions, {}, signal);
  for (const type of deletionOrder(definitions.items)) {
    const { items } = await api.list(type, { namespace }, signal);
    content.push(viewContent(type, items));
  }
  return content;
}

async function deleteItem(
  { api }: LoopDeps,
  namespace: string,
  type: ResourceType,
  { name, uid }: ContentItem,
  signal: AbortSignal,
): Promise<void> {
  try {
    await api.delete(type, { namespace, name }, { preconditions: { uid } }, signal);
  } catch (error) {
    // OBSERVED: it has gone, or another one has its name; the next look tells (NSP7).
    if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
  }
}

async function finalize(
  { api, log }: LoopDeps,
  informer: Informer<Namespace>,
  namespace: Stored<Namespace>,
  signal: AbortSignal,
): Promise<Outcome> {
  const { name, resourceVersion: seen } = namespace.metadata;
  log.info('a namespace is empty and is let go', { namespace: name, resourceVersion: seen });
  const finalizers = (namespace.spec?.finalizers ?? []).filter((one) => one !== NAMESPACE_FINALIZER);
  const released: Namespace = { ...namespace, spec: { ...namespace.spec, finalizers } };
  try {
    const { metadata } = await api.updateSubresource(namespaces, released, 'finalize', signal);
    return { kind: 'progressed', wrote: { informer, resourceVersion: metadata.resourceVersion } };
  } catch (error) {
    if (hasReason(error, 'NotFound')) return { kind: 'settled' };
    throw error;
  }
}
