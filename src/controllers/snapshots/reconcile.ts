// Carries out one step for a snapshot or a group snapshot. No policy here: decide.ts chose the step.
// Rule SNC9 is carried out here too.
import { formatTime } from '#base/clock.ts';
import type { ApiObject, Stored } from '#api/object.ts';
import { ApiError } from '#client/api-error.ts';
import type { Outcome } from '#client/outcome.ts';
import { protectClaim } from './claim-protection.ts';
import { chooseDefaultClass, decideContent, decideSnapshot } from './decide.ts';
import { SETTLED, type SnapshotsDeps, wrote } from './deps.ts';
import type { SnapshotClass, SnapshotKind } from './kind.ts';
import { SourceUnfit } from './sources.ts';

/** A live read that contradicts the cache: the cache's own event will come, this is only the net below it. */
const BEHIND_MS = 1_000;
/** What an administrator has to put right. */
const UNFIT_MS = 5_000;

interface Pass<T extends ApiObject, C extends ApiObject> {
  readonly deps: SnapshotsDeps;
  readonly kind: SnapshotKind<T, C>;
  readonly snapshot: Stored<T>;
  readonly content: Stored<C> | undefined;
  readonly signal: AbortSignal;
}

/** One pass over a snapshot. */
export async function reconcileSnapshot<T extends ApiObject, C extends ApiObject>(
  deps: SnapshotsDeps,
  kind: SnapshotKind<T, C>,
  key: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const snapshot = kind.informer(deps).get(key);
  if (snapshot === undefined) return SETTLED;
  const content = kind.contentInformer(deps).get(kind.contentName(snapshot));
  const facts = kind.facts(snapshot);
  const step = decideSnapshot({
    snapshot: facts,
    content: content === undefined ? undefined : kind.contentFacts(content),
    isStatusBehind: content !== undefined && kind.published(deps, snapshot, content) !== snapshot,
    neededBy: facts.isDeleting ? kind.neededBy(deps, snapshot) : undefined,
  });
  const pass: Pass<T, C> = { deps, kind, snapshot, content, signal };
  switch (step.kind) {
    case 'none':
      return SETTLED;
    case 'choose-class':
      return orComplain(
        pass,
        `SetDefault${kind.word}ClassFailed`,
        'Failed to set default snapshot class',
        chooseClass,
      );
    case 'protect':
      return protect(pass);
    case 'create-content':
      return orComplain(
        pass,
        `${kind.word}ContentCreationFailed`,
        'Failed to create snapshot content',
        createContent,
      );
    case 'bind-content':
      return content === undefined ? SETTLED : bindContent(pass, content);
    case 'complain':
      return complain(pass, step.problem.replace('Snapshot', kind.word), step.message);
    case 'publish':
      return content === undefined ? SETTLED : publish(pass, content);
    case 'pend':
      return pend(pass, step.neededBy);
    case 'announce':
      return content === undefined ? SETTLED : announce(pass, content);
    case 'delete-content':
      return content === undefined ? SETTLED : deleteContent(pass, content);
    case 'release':
      return release(pass);
  }
}

type Work = <T extends ApiObject, C extends ApiObject>(pass: Pass<T, C>) => Promise<Outcome>;

/** What the user or an administrator must put right is told in the status and as an event, once. */
async function orComplain<T extends ApiObject, C extends ApiObject>(
  pass: Pass<T, C>,
  reason: string,
  doing: string,
  work: Work,
): Promise<Outcome> {
  try {
    return await work(pass);
  } catch (error) {
    if (!(error instanceof SourceUnfit)) throw error;
    await complain(pass, reason, `${doing} with error ${error.message}`);
    return { kind: 'blocked', because: error.message, retryAfterMs: UNFIT_MS };
  }
}

async function complain<T extends ApiObject, C extends ApiObject>(
  { deps, kind, snapshot, signal }: Pass<T, C>,
  reason: string,
  message: string,
): Promise<Outcome> {
  if (kind.errorOf(snapshot) === message) return SETTLED;
  deps.events.record(snapshot, { type: 'Warning', reason, message });
  const next = kind.withError(snapshot, { message, time: formatTime(deps.clock.now()) });
  return wrote(kind.informer(deps), await deps.api.updateStatus(kind.type, next, signal));
}

async function chooseClass<T extends ApiObject, C extends ApiObject>(pass: Pass<T, C>): Promise<Outcome> {
  const { deps, kind, snapshot, signal } = pass;
  const sources = await kind.sources(deps, snapshot, signal);
  const chosen = chooseDefaultClass(kind.classes(deps), sources[0]?.driver ?? '');
  if (chosen.kind === 'refused') throw new SourceUnfit(chosen.because);
  const next = kind.withClass(snapshot, chosen.name);
  return wrote(kind.informer(deps), await deps.api.update(kind.type, next, signal));
}

async function protect<T extends ApiObject, C extends ApiObject>(pass: Pass<T, C>): Promise<Outcome> {
  const { deps, kind, snapshot, signal } = pass;
  const finalizers = [...new Set([...(snapshot.metadata.finalizers ?? []), ...kind.finalizers])];
  const next = kind.withMetadata(snapshot, { finalizers });
  return wrote(kind.informer(deps), await deps.api.update(kind.type, next, signal));
}

/** SNC3 to SNC5. */
async function createContent<T extends ApiObject, C extends ApiObject>(pass: Pass<T, C>): Promise<Outcome> {
  const { deps, kind, snapshot, signal } = pass;
  const { namespace = '', name } = snapshot.metadata;
  const live = await deps.api.find(kind.type, { namespace, name }, signal);
  if (live === undefined || live.metadata.uid !== snapshot.metadata.uid) return SETTLED;
  const facts = kind.facts(live);
  if (facts.isDeleting || !facts.isProtected)
    return { kind: 'blocked', because: 'the cache is behind', retryAfterMs: BEHIND_MS };
  const snapshotClass = [...kind.classes(deps)].find((one) => one.name === facts.className);
  if (snapshotClass === undefined)
    throw new SourceUnfit(`volumesnapshotclass "${facts.className}" not found: create it, or name another`);
  const sources = await fittingSources(pass, snapshotClass);
  const annotations = kind.secretAnnotations(snapshotClass, snapshot);
  if ('refused' in annotations && typeof annotations['refused'] === 'string')
    throw new SourceUnfit(annotations['refused']);
  for (const { claim } of sources) await protectClaim(deps, claim, signal);
  deps.events.record(snapshot, {
    type: 'Normal',
    reason: `Creating${kind.word}`,
    message: `Waiting for a snapshot ${namespace}/${name} to be created by the CSI driver.`,
  });
  // A refusal was thrown: what is left are annotations.
  const content = kind.newContent({
    snapshot,
    sources,
    snapshotClass,
    annotations: annotations as Readonly<Record<string, string>>,
  });
  try {
    return wrote(kind.contentInformer(deps), await deps.api.create(kind.contentType, content, signal));
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== 'AlreadyExists') throw error;
    // Made in a pass before this one; the cache will show it, and whose it is.
    return { kind: 'blocked', because: 'the cache is behind', retryAfterMs: BEHIND_MS };
  }
}

async function fittingSources<T extends ApiObject, C extends ApiObject>(
  { deps, kind, snapshot, signal }: Pass<T, C>,
  { name, driver }: SnapshotClass,
): Promise<Awaited<ReturnType<SnapshotKind<T, C>['sources']>>> {
  const sources = await kind.sources(deps, snapshot, signal);
  const stranger = sources.find((one) => one.driver !== driver);
  if (stranger === undefined) return sources;
  throw new SourceUnfit(
    `the volume of PVC ${stranger.claim.metadata.name} is one of driver ${stranger.driver}, class ${name} is for ${driver}`,
  );
}

/** SNC6: conditional on the version that named this snapshot and no UID. */
async function bindContent<T extends ApiObject, C extends ApiObject>(
  { deps, kind, snapshot, signal }: Pass<T, C>,
  content: Stored<C>,
): Promise<Outcome> {
  const next = kind.boundContent(snapshot, content);
  return wrote(kind.contentInformer(deps), await deps.api.update(kind.contentType, next, signal));
}

async function publish<T extends ApiObject, C extends ApiObject>(
  { deps, kind, snapshot, signal }: Pass<T, C>,
  content: Stored<C>,
): Promise<Outcome> {
  const next = kind.published(deps, snapshot, content);
  const written = await deps.api.updateStatus(kind.type, next as unknown as T, signal);
  const [before, after] = [kind.progressOf(snapshot as unknown as T), kind.progressOf(next as unknown as T)];
  const { namespace = '', name } = snapshot.metadata;
  const tell = (reason: string, message: string): void =>
    deps.events.record(snapshot, { type: 'Normal', reason: `${kind.word}${reason}`, message });
  if (after.isCreated && !before.isCreated)
    tell('Created', `Snapshot ${namespace}/${name} was successfully created by the CSI driver.`);
  if (after.isReady && !before.isReady) tell('Ready', `Snapshot ${namespace}/${name} is ready to use.`);
  return wrote(kind.informer(deps), written);
}

function pend<T extends ApiObject, C extends ApiObject>(
  { deps, kind, snapshot }: Pass<T, C>,
  neededBy: string,
): Outcome {
  // That a group waits for its members is no news.
  if (kind.word === 'GroupSnapshot') return SETTLED;
  deps.events.record(snapshot, {
    type: 'Warning',
    reason: `${kind.word}DeletePending`,
    message: `Snapshot is being used to restore a PVC: ${neededBy}`,
  });
  return SETTLED;
}

async function announce<T extends ApiObject, C extends ApiObject>(
  { deps, kind, signal }: Pick<Pass<T, C>, 'deps' | 'kind' | 'signal'>,
  content: Stored<C>,
): Promise<Outcome> {
  const annotations = { ...content.metadata.annotations, [kind.beingDeleted]: 'yes' };
  const next = kind.contentWithMetadata(content, { annotations });
  return wrote(kind.contentInformer(deps), await deps.api.update(kind.contentType, next, signal));
}

/** Only after a live look that nothing is restored from it: from here on the backend may go. */
async function deleteContent<T extends ApiObject, C extends ApiObject>(
  pass: Pass<T, C>,
  content: Stored<C>,
): Promise<Outcome> {
  const { deps, kind, snapshot, signal } = pass;
  const needed = await kind.neededByLive(deps, snapshot, signal);
  if (needed !== undefined)
    return { kind: 'blocked', because: `${needed} needs it`, retryAfterMs: BEHIND_MS };
  const { name, uid, resourceVersion } = content.metadata;
  try {
    await deps.api.delete(kind.contentType, { name }, { preconditions: { uid, resourceVersion } }, signal);
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== 'NotFound') throw error;
  }
  return SETTLED;
}

/** The last look is live: a content that this process's cache does not know yet keeps its snapshot. */
async function release<T extends ApiObject, C extends ApiObject>(pass: Pass<T, C>): Promise<Outcome> {
  const { deps, kind, snapshot, signal } = pass;
  const needed = await kind.neededByLive(deps, snapshot, signal);
  if (needed !== undefined)
    return { kind: 'blocked', because: `${needed} needs it`, retryAfterMs: BEHIND_MS };
  const name = kind.contentName(snapshot);
  const content = name === '' ? undefined : await deps.api.find(kind.contentType, { name }, signal);
  const step = decideSnapshot({
    snapshot: kind.facts(snapshot),
    content: content === undefined ? undefined : kind.contentFacts(content),
    isStatusBehind: false,
    neededBy: undefined,
  });
  if (step.kind !== 'release')
    return { kind: 'blocked', because: 'its content exists', retryAfterMs: BEHIND_MS };
  const all = snapshot.metadata.finalizers ?? [];
  // One a pass: each stands for a reason of its own, and whoever watches sees which one went.
  const gone = kind.finalizers.find((one) => all.includes(one));
  const next = kind.withMetadata(snapshot, { finalizers: all.filter((one) => one !== gone) });
  return wrote(kind.informer(deps), await deps.api.update(kind.type, next, signal));
}

/** One pass over a content by itself (SNC5, SNC23). */
export async function reconcileContent<T extends ApiObject, C extends ApiObject>(
  deps: SnapshotsDeps,
  kind: SnapshotKind<T, C>,
  name: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const content = kind.contentInformer(deps).get(name);
  if (content === undefined) return SETTLED;
  const facts = kind.contentFacts(content);
  const key = { namespace: facts.refNamespace, name: facts.refName };
  const isWantedBy = (snapshot: Stored<T> | undefined): boolean =>
    snapshot?.metadata.uid === facts.refUid && snapshot.metadata.deletionTimestamp === undefined;
  const view = (snapshot: Stored<T> | undefined) => ({
    isDeleting: facts.isDeleting,
    hasFinalizer: (content.metadata.finalizers ?? []).includes(kind.contentFinalizer),
    isBound: facts.refUid !== '',
    isBeingDeleted: facts.isBeingDeleted,
    isWanted: isWantedBy(snapshot),
  });
  const step = decideContent(view(kind.informer(deps).get(`${key.namespace}/${key.name}`)));
  if (step.kind === 'none') return SETTLED;
  if (step.kind === 'protect-content') {
    const finalizers = [...(content.metadata.finalizers ?? []), kind.contentFinalizer];
    const next = kind.contentWithMetadata(content, { finalizers });
    return wrote(kind.contentInformer(deps), await deps.api.update(kind.contentType, next, signal));
  }
  const live = key.name === '' ? undefined : await deps.api.find(kind.type, key, signal);
  if (decideContent(view(live)).kind !== 'announce')
    return { kind: 'blocked', because: 'its snapshot exists', retryAfterMs: BEHIND_MS };
  return announce({ deps, kind, signal }, content);
}
