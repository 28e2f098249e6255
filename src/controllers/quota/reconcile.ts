// Counts one quota and writes its status. Keys are `namespace/name`.
import type { ResourceQuota } from '#api/generated/core-v1.ts';
import { isJsonObject, type JsonObject } from '#api/json.ts';
import { servedKinds } from '#api/kinds/index.ts';
import { type ResourceType, type Stored, splitKey } from '#api/object.ts';
import { resourceQuotas } from '#api/resources.ts';
import type { Informer } from '#client/informer.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome, Reconcile } from '#client/outcome.ts';
import type { CountedKind } from '#rules/quota.ts';
import { decideCount, decideQuota } from './decide.ts';
import { type Amounts, type Counted, countUse, kindsToCount, viewQuota } from './view.ts';

export function quotaReconcile(deps: LoopDeps, quotas: Informer<ResourceQuota>): Reconcile {
  /** When the count of a quota last agreed with its status; an entry goes with its quota. */
  const agreed = new Map<string, number>();
  return async (key, signal) => {
    const quota = quotas.get(key);
    const step = decideQuota(viewQuota(quota, serves, agreed.get(key)), deps.clock.now());
    switch (step.kind) {
      case 'settled':
        agreed.delete(key);
        return { kind: 'settled' };
      case 'rest':
        return { kind: 'blocked', because: 'counts again later', retryAfterMs: step.forMs };
      case 'count':
        try {
          return await count({ deps, quotas, agreed }, key, signal);
        } catch (error) {
          return { kind: 'failed', error };
        }
    }
  };
}

interface Counting {
  readonly deps: LoopDeps;
  readonly quotas: Informer<ResourceQuota>;
  readonly agreed: Map<string, number>;
}

async function count({ deps, quotas, agreed }: Counting, key: string, signal: AbortSignal): Promise<Outcome> {
  const { api, clock } = deps;
  const { namespace, name } = splitKey(key);
  // QTA2: the quota before the objects.
  const live = await api.find(resourceQuotas, { namespace, name }, signal);
  const view = viewQuota(live, serves, undefined);
  if (live === undefined || view.isGone) return { kind: 'settled' };
  const counted = await readObjects(deps, namespace, view.limits, signal);
  const step = decideCount(view, countUse(jsonOf(live.spec), view.limits, counted));
  if (step.kind === 'agrees') {
    agreed.set(key, clock.now());
    return { kind: 'progressed' };
  }
  agreed.delete(key); // QTA3
  const status = { hard: step.hard, used: step.used };
  const written: Stored<ResourceQuota> = await api.updateStatus(resourceQuotas, { ...live, status }, signal);
  return {
    kind: 'progressed',
    wrote: { informer: quotas, resourceVersion: written.metadata.resourceVersion },
  };
}

function readObjects(
  { api }: LoopDeps,
  namespace: string,
  limits: Amounts,
  signal: AbortSignal,
): Promise<readonly Counted[]> {
  return Promise.all(
    kindsToCount(limits).map(async (kind) => {
      const type = typeOf(kind);
      const items = type === undefined ? [] : (await api.list(type, { namespace }, signal)).items;
      return { kind, objects: items.map(jsonOf) };
    }),
  );
}

function typeOf({ group, plural }: CountedKind): ResourceType | undefined {
  return servedKinds.find(({ resource }) => resource.group === group && resource.plural === plural)?.resource;
}

function serves(kind: CountedKind): boolean {
  return typeOf(kind)?.namespaced === true;
}

/** An object of the API is JSON, whatever its type says. */
function jsonOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}
