// Asks the driver for one segment's capacity and stores the answer.
// Rules PRV77 and PRV80 are carried out here too.
import type { CSIDriver, CSIStorageCapacity } from '#api/generated/storage-v1.ts';
import type { Stored } from '#api/object.ts';
import { formatBytes } from '#api/quantity.ts';
import { csiStorageCapacities } from '#api/resources.ts';
import type { Informer } from '#client/informer.ts';
import type { LoopDeps } from '#client/loop.ts';
import type { Outcome } from '#client/outcome.ts';
import type { Driver } from '#csi/driver.ts';
import { INTENT_NAMESPACE } from '../intent.ts';
import { decideCapacity, isCurrent } from './decide.ts';
import { type CapacityAnswer, capacityObject, type WantedCapacity, type WantedObjects } from './wanted.ts';

export interface CapacityDeps extends LoopDeps {
  readonly driver: Driver;
  readonly callTimeoutMs: number;
  /** Between two looks when nothing happens; somebody else may use the backend. */
  readonly pollMs: number;
  /** The value of the managed-by label. */
  readonly manager: string;
  readonly stored: Informer<CSIStorageCapacity>;
  /** All objects that there should be, and the driver's object that owns them. */
  readonly wanted: () => WantedObjects;
  /** Object name to the time (monotonic) of the last question. */
  readonly asked: Map<string, number>;
  /** Object name to what the driver said last: the event of our own write is no reason to ask again. */
  readonly answers: Map<string, CapacityAnswer>;
}

// A thousand claims in a second are a thousand reasons to ask again, and one answer is enough for them.
const MIN_GAP_MS = 200;

/** One pass over the object `name`. */
export async function reconcileCapacity(
  deps: CapacityDeps,
  name: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const { owner, byName } = deps.wanted();
  const stored = deps.stored.get(`${INTENT_NAMESPACE}/${name}`);
  const step = decideCapacity({ wanted: byName.get(name), isStored: stored !== undefined });
  switch (step.kind) {
    case 'none':
      deps.asked.delete(name);
      deps.answers.delete(name);
      return { kind: 'settled' };
    case 'delete':
      return stored === undefined ? { kind: 'settled' } : remove(deps, stored, signal);
    case 'ask':
      return owner === undefined ? { kind: 'settled' } : ask(deps, step.wanted, { stored, owner }, signal);
  }
}

async function remove(
  deps: CapacityDeps,
  { metadata: { name, uid } }: Stored<CSIStorageCapacity>,
  signal: AbortSignal,
): Promise<Outcome> {
  const key = { namespace: INTENT_NAMESPACE, name };
  await deps.api.delete(csiStorageCapacities, key, { preconditions: { uid } }, signal);
  return { kind: 'settled' };
}

async function ask(
  deps: CapacityDeps,
  wanted: WantedCapacity,
  {
    stored,
    owner,
  }: { readonly stored: Stored<CSIStorageCapacity> | undefined; readonly owner: Stored<CSIDriver> },
  signal: AbortSignal,
): Promise<Outcome> {
  const now = deps.clock.elapsed();
  const rest = (deps.asked.get(wanted.name) ?? -MIN_GAP_MS) + MIN_GAP_MS - now;
  if (rest > 0) return { kind: 'blocked', because: 'the driver was asked just now', retryAfterMs: rest };
  deps.asked.set(wanted.name, now);
  const answer = await getCapacity(deps, wanted, signal);
  deps.answers.set(wanted.name, answer);
  const next: Outcome = { kind: 'blocked', because: 'asked again regularly', retryAfterMs: deps.pollMs };
  if (stored !== undefined && isCurrent(stored, answer)) return next;
  const place = { driver: owner, namespace: INTENT_NAMESPACE, manager: deps.manager };
  const object = capacityObject(wanted, answer, place);
  if (stored === undefined) await deps.api.create(csiStorageCapacities, object, signal);
  else {
    const metadata = {
      ...object.metadata,
      uid: stored.metadata.uid,
      resourceVersion: stored.metadata.resourceVersion,
    };
    await deps.api.update(
      csiStorageCapacities,
      { ...object, metadata: { ...stored.metadata, ...metadata } },
      signal,
    );
  }
  return next;
}

async function getCapacity(
  deps: CapacityDeps,
  wanted: WantedCapacity,
  signal: AbortSignal,
): Promise<CapacityAnswer> {
  const hasTopology = Object.keys(wanted.segments).length > 0;
  const answer = await deps.driver.connection.controller.getCapacity(
    {
      parameters: wanted.parameters,
      ...(hasTopology ? { accessibleTopology: { segments: wanted.segments } } : {}),
    },
    { timeoutMs: deps.callTimeoutMs, signal },
  );
  const maximum = answer.maximumVolumeSize?.value;
  return {
    capacity: formatBytes(BigInt(answer.availableCapacity)),
    maximumVolumeSize: maximum === undefined ? undefined : formatBytes(BigInt(maximum)),
  };
}
