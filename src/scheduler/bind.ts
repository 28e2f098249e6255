// The last write of a placement: the pod's binding.
import type { Binding } from '#api/generated/core-v1.ts';
import { keyOf } from '#api/object.ts';
import { pods } from '#api/resources.ts';
import { ApiError } from '#client/api-error.ts';
import type { Outcome } from '#client/outcome.ts';
import type { Assumption } from './assumptions.ts';
import type { Pass } from './reconcile.ts';
import { tell } from './tell.ts';

/** Binds the pod to its node, unless it has one: then only its claims had to be served. */
export async function bindPod(pass: Pass, assumption: Assumption, signal: AbortSignal): Promise<Outcome> {
  const { pod, nodeName } = assumption;
  const { namespace = '', name, uid } = pod.metadata;
  if ((pod.spec?.nodeName ?? '') !== '') {
    pass.assumptions.forget(keyOf(pod));
    return { kind: 'settled' };
  }
  const target = { apiVersion: 'v1', kind: 'Node', name: nodeName };
  const body: Binding = { apiVersion: 'v1', kind: 'Binding', metadata: { namespace, name, uid }, target };
  try {
    await pass.deps.api.createSubresource(pods, { namespace, name }, 'binding', body, signal);
  } catch (error) {
    // Without an answer the pod is perhaps bound, so its place stays taken until the cache or the server says.
    if (!(error instanceof ApiError) || error.status !== 0) pass.assumptions.forget(keyOf(pod)); // SCH68
    throw error;
  }
  // The cache may have shown the pod on its node before the answer came; then the assumption has gone already.
  if (pass.assumptions.get(keyOf(pod)) !== undefined)
    pass.assumptions.assume({ ...assumption, isBindingSent: true });
  const message = `Successfully assigned ${namespace}/${name} to ${nodeName}`;
  tell(pass.deps, pod, { type: 'Normal', reason: 'Scheduled', message });
  return { kind: 'settled' };
}
