// Carries out one ContentStep, for either kind of content. No policy here: decide.ts chose the step.
// Rules SNS7, SNS9, SNS21, SNS32 and SNS35 are carried out here too.
import { readSecret } from '#client/read-secret.ts';
import { formatTime } from '#base/clock.ts';
import type { ApiObject, Stored } from '#api/object.ts';
import { ApiError } from '#client/api-error.ts';
import type { Outcome } from '#client/outcome.ts';
import { CsiError, callErrorText } from '#csi/csi-error.ts';
import { CREATION_PARAMETERS, YES } from '#rules/snapshot-names.ts';
import { parseSnapshotParameters, type SecretName } from '#rules/snapshot-parameters.ts';
import type { CallContext, ContentKind, Secrets } from './content-kind.ts';
import { type ContentStep, decideContent } from './decide.ts';
import type { SnapshotterDeps } from './deps.ts';

const SETTLED: Outcome = { kind: 'settled' };
/** Between two questions whether a snapshot is ready, and below events that are late. */
const AGAIN_MS = 1_000;
const IN_THE_WAY_MS = 5_000;

// Codes that a driver gives only after it has looked for the name: had an unknown call before made the snapshot, the
// answer would be the snapshot.
const LOOKED_FOR_NAME: ReadonlySet<CsiError['code']> = new Set<CsiError['code']>([
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'FAILED_PRECONDITION',
  'OUT_OF_RANGE',
]);

interface Pass<T extends ApiObject, S extends object> {
  readonly deps: SnapshotterDeps;
  readonly kind: ContentKind<T, S>;
  readonly content: Stored<T>;
  readonly signal: AbortSignal;
}

/** One pass over a content. */
export async function reconcileContent<T extends ApiObject, S extends object>(
  deps: SnapshotterDeps,
  kind: ContentKind<T, S>,
  name: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const content = kind.informer(deps).get(name);
  if (content === undefined || kind.driverOf(content) !== deps.driver.name) return SETTLED;
  const step = decideContent(kind.view(content));
  const pass: Pass<T, S> = { deps, kind, content, signal };
  switch (step.kind) {
    case 'none':
    case 'wait':
      return SETTLED;
    case 'record':
      return record(pass);
    case 'create':
    case 'check':
      return ask(pass, step);
    case 'settle':
      return unannotate(pass);
    case 'delete':
      return remove(pass);
    case 'release':
      return release(pass);
  }
}

function wrote<T extends ApiObject, S extends object>(
  { deps, kind }: Pass<T, S>,
  written: Stored<T>,
): Outcome {
  return {
    kind: 'progressed',
    wrote: { informer: kind.informer(deps), resourceVersion: written.metadata.resourceVersion },
  };
}

/** SNS2: fixes the parameters and says that the driver may know of it from now on. */
async function record<T extends ApiObject, S extends object>(pass: Pass<T, S>): Promise<Outcome> {
  const { deps, kind, content, signal } = pass;
  const facts = await kind.classOf(deps, content, signal);
  const className = kind.classNameOf(content);
  // SNS10: what the driver is asked for without its class would be another snapshot.
  if (facts === undefined && className !== '') {
    const because = `Cannot make the snapshot: class "${className}" not found: create it again`;
    await storeError(pass, kind.reasons.create, because);
    return { kind: 'blocked', because, retryAfterMs: 15_000 };
  }
  const parsed = parseSnapshotParameters(facts?.parameters ?? {}, templateNames(pass));
  if (parsed.kind === 'refused') {
    const because = `Cannot use VolumeSnapshotClass "${facts?.className ?? ''}": ${parsed.because}`;
    await storeError(pass, kind.reasons.create, because);
    return { kind: 'blocked', because, retryAfterMs: 15_000 };
  }
  const { name, namespace } = kind.reference(content);
  const names = {
    'csi.storage.k8s.io/volumesnapshot/name': name,
    'csi.storage.k8s.io/volumesnapshot/namespace': namespace,
    'csi.storage.k8s.io/volumesnapshotcontent/name': content.metadata.name,
  };
  const parameters = { ...parsed.parameters.forDriver, ...(deps.extraCreateMetadata ? names : {}) };
  deps.answered.add(content.metadata.uid);
  return annotate(pass, {
    ...content.metadata.annotations,
    [kind.beingCreated]: YES,
    [CREATION_PARAMETERS]: JSON.stringify(parameters),
  });
}

function templateNames<T extends ApiObject, S extends object>({ kind, content }: Pass<T, S>) {
  const { name, namespace } = kind.reference(content);
  return { contentName: content.metadata.name, snapshotName: name, snapshotNamespace: namespace };
}

async function annotate<T extends ApiObject, S extends object>(
  pass: Pass<T, S>,
  annotations: Readonly<Record<string, string>>,
): Promise<Outcome> {
  const { deps, kind, content, signal } = pass;
  const next = kind.withMetadata(content, { annotations });
  return wrote(pass, await deps.api.update(kind.type, next, signal));
}

function unannotate<T extends ApiObject, S extends object>(pass: Pass<T, S>): Promise<Outcome> {
  const { deps, kind, content } = pass;
  const { [kind.beingCreated]: dropped, ...rest } = content.metadata.annotations ?? {};
  deps.answered.delete(content.metadata.uid);
  return annotate(pass, rest);
}

/** CreateSnapshot or a look-up, with what its answer means. */
async function ask<T extends ApiObject, S extends object>(
  cached: Pass<T, S>,
  step: Extract<ContentStep, { readonly kind: 'create' | 'check' }>,
): Promise<Outcome> {
  const { deps, kind, signal } = cached;
  const content = await deps.api.find(kind.type, { name: cached.content.metadata.name }, signal);
  // SNS3: only the live object decides; a content that is gone is never made again.
  if (content === undefined || content.metadata.uid !== cached.content.metadata.uid) return SETTLED;
  if (decideContent(kind.view(content)).kind !== step.kind)
    return { kind: 'blocked', because: 'the cache is behind', retryAfterMs: AGAIN_MS };
  const pass: Pass<T, S> = { ...cached, content };
  try {
    const status = await (step.kind === 'create' ? create(pass) : check(pass));
    if (status === undefined) {
      const because = 'the driver does not know the snapshot handle of this content';
      await storeError(pass, kind.reasons.check, because);
      return { kind: 'blocked', because, retryAfterMs: 15_000 };
    }
    return await storeStatus(pass, status);
  } catch (error) {
    if (!(error instanceof CsiError)) throw error;
    return refusedCall(pass, step, error);
  }
}

async function create<T extends ApiObject, S extends object>(pass: Pass<T, S>): Promise<S> {
  const { kind, content } = pass;
  const recorded = content.metadata.annotations?.[CREATION_PARAMETERS];
  const parameters = recorded === undefined ? await parametersOf(pass) : parseRecorded(recorded);
  return kind.create(await callContext(pass, kind.secretUse), content, parameters);
}

/** Another snapshotter began it: the class is all that is known. */
async function parametersOf<T extends ApiObject, S extends object>(
  pass: Pass<T, S>,
): Promise<Readonly<Record<string, string>>> {
  const facts = await pass.kind.classOf(pass.deps, pass.content, pass.signal);
  const parsed = parseSnapshotParameters(facts?.parameters ?? {}, templateNames(pass));
  return parsed.kind === 'parsed' ? parsed.parameters.forDriver : {};
}

function parseRecorded(text: string): Readonly<Record<string, string>> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, String(one)]));
}

async function check<T extends ApiObject, S extends object>(pass: Pass<T, S>): Promise<S | undefined> {
  const { kind, content } = pass;
  return kind.check(await callContext(pass, kind.lookupSecretUse), content);
}

async function storeStatus<T extends ApiObject, S extends object>(
  pass: Pass<T, S>,
  status: S,
): Promise<Outcome> {
  const { deps, kind, content, signal } = pass;
  const next = kind.withStatus(content, status);
  const isSame = JSON.stringify(next) === JSON.stringify(content);
  // SNS6: still not ready, and nothing else to tell.
  if (isSame) return { kind: 'blocked', because: 'the snapshot is not ready yet', retryAfterMs: AGAIN_MS };
  return wrote(pass, await deps.api.updateStatus(kind.type, next, signal));
}

async function refusedCall<T extends ApiObject, S extends object>(
  pass: Pass<T, S>,
  step: Extract<ContentStep, { readonly kind: 'create' | 'check' }>,
  error: CsiError,
): Promise<Outcome> {
  const { deps, kind, content } = pass;
  const { uid } = content.metadata;
  const isFinal = error.certainty === 'final';
  const isSettled = isFinal && (deps.answered.has(uid) || LOOKED_FOR_NAME.has(error.code));
  if (!isFinal) deps.answered.delete(uid);
  const doing = step.kind === 'create' ? 'create snapshot' : 'check and update snapshot content';
  const latest = await storeError(
    pass,
    step.kind === 'create' ? kind.reasons.create : kind.reasons.check,
    `Failed to ${doing}: ${callErrorText(error)}`,
  );
  // SNS8: there is nothing on the driver, so nothing keeps a deletion.
  if (step.kind === 'create' && isSettled && kind.view(latest).isBeingCreated)
    await unannotate({ ...pass, content: latest });
  return { kind: 'failed', error };
}

/** Stores an error once; the same one again writes nothing (law 10). Gives the content as it is now. */
async function storeError<T extends ApiObject, S extends object>(
  { deps, kind, content, signal }: Pass<T, S>,
  reason: string,
  message: string,
): Promise<Stored<T>> {
  deps.events.record(content, { type: 'Warning', reason, message });
  if (kind.errorOf(content)?.message === message) return content;
  const error = { message, time: formatTime(deps.clock.now()) };
  return deps.api.updateStatus(kind.type, kind.withStatus(content, { error, readyToUse: false }), signal);
}

async function remove<T extends ApiObject, S extends object>(pass: Pass<T, S>): Promise<Outcome> {
  const { deps, kind, content, signal } = pass;
  const proven = await kind.prove(deps, content.metadata.name, signal);
  if (proven.kind === 'refused')
    return { kind: 'blocked', because: proven.because, retryAfterMs: IN_THE_WAY_MS };
  const { proof } = proven;
  if (proof.preconditions.uid !== content.metadata.uid) return SETTLED;
  deps.log.info('deleting a snapshot', { content: content.metadata.name, evidence: proof.evidence });
  try {
    await kind.delete(await callContext(pass, kind.secretUse, { mayLack: true }), proof);
  } catch (error) {
    if (!(error instanceof CsiError)) throw error;
    const message = `Failed to delete snapshot: ${callErrorText(error)}`;
    deps.events.record(content, { type: 'Warning', reason: kind.reasons.delete, message });
    return { kind: 'failed', error };
  }
  return release(pass);
}

/** SNS34: conditional on the version that was observed. */
async function release<T extends ApiObject, S extends object>(pass: Pass<T, S>): Promise<Outcome> {
  const { deps, kind, content, signal } = pass;
  const finalizers = (content.metadata.finalizers ?? []).filter((one) => one !== kind.finalizer);
  const next = kind.withMetadata(content, { finalizers });
  deps.answered.delete(content.metadata.uid);
  return wrote(pass, await deps.api.update(kind.type, next, signal));
}

async function callContext<T extends ApiObject, S extends object>(
  pass: Pass<T, S>,
  use: keyof Secrets,
  { mayLack = false }: { readonly mayLack?: boolean } = {},
): Promise<CallContext> {
  const { deps, signal } = pass;
  const secret = await secretNameOf(pass, use);
  return {
    deps,
    signal,
    secrets: secret === undefined ? {} : await secretFor(deps, secret, mayLack, signal),
  };
}

/** From the content's annotations, which outlive the class; a look-up's from the class. */
async function secretNameOf<T extends ApiObject, S extends object>(
  pass: Pass<T, S>,
  use: keyof Secrets,
): Promise<SecretName | undefined> {
  const { deps, kind, content, signal } = pass;
  const annotations = content.metadata.annotations ?? {};
  const [name, namespace] = [
    annotations[kind.deletionSecret.name],
    annotations[kind.deletionSecret.namespace],
  ];
  if (use === kind.secretUse && name !== undefined && namespace !== undefined) return { name, namespace };
  const facts = await kind.classOf(deps, content, signal);
  const parsed = parseSnapshotParameters(facts?.parameters ?? {}, templateNames(pass));
  return parsed.kind === 'parsed' ? parsed.parameters.secrets[use] : undefined;
}

async function secretFor(
  deps: SnapshotterDeps,
  name: SecretName,
  mayLack: boolean,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  try {
    return await readSecret(deps, name, signal);
  } catch (error) {
    if (mayLack && error instanceof ApiError && error.reason === 'NotFound') return {};
    throw error;
  }
}
