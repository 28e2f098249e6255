// The loops of a process that has no API server of its own: for another Holdfast, or for any Kubernetes.
// Rule CMP13 is carried out here too.
import type { ApiHandler } from '#api/request.ts';
import { namespaces } from '#api/resources.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import { createMetrics, type Metrics } from '#base/metrics.ts';
import { hasReason } from '#client/api-error.ts';
import type { Service } from '#client/loop.ts';
import { createApiClient } from '#client/create-client.ts';
import { connectDriver } from '#csi/connect.ts';
import type { FeatureGates } from '#rules/feature-gates.ts';
import { INTENT_NAMESPACE } from '#sidecars/provisioner/intent.ts';
import type { Effects } from './effects.ts';
import type { LoopSelection } from './loop-selection.ts';
import { controlPlaneLoops, type LeaderElection, LeaseLostError } from './loops.ts';
import { runServices } from './run-services.ts';
import { discoverServed, type IsServed } from './served-informers.ts';

/** What such a process may do to the world. */
export interface LoopEffects extends Effects {
  readonly hostName: string;
  /** Registers what is known about the process itself. */
  watchProcess(metrics: Metrics): void;
  /** Serves `text` at /metrics, and /healthz; the address with the port it got. */
  serveMetrics(address: string, text: () => string): Promise<AsyncDisposable & { readonly address: string }>;
}

export interface RemoteLoopsOptions {
  /** To the API server. */
  readonly send: ApiHandler;
  readonly selection: LoopSelection;
  /** Controller sockets of CSI drivers. */
  readonly driverSockets: readonly string[];
  readonly gates: FeatureGates;
  readonly leaderElection?: LeaderElection;
  readonly nodeDeployment?: { readonly nodeName: string };
  /** `host:port`; absent: nowhere. */
  readonly metricsAddress?: string;
  /** The loops begin; with where the metrics are. */
  onStarted(metricsAddress: string | undefined): void;
}

/** The API server does not answer, or not to us. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** Runs the loops until the signal aborts; rejects when one of them must not or cannot go on. */
export async function runRemoteLoops(
  effects: LoopEffects,
  options: RemoteLoopsOptions,
  signal: AbortSignal,
): Promise<void> {
  const { send, leaderElection, metricsAddress, nodeDeployment, gates, selection } = options;
  const isServed = await prepare(options, signal);
  let metrics = createMetrics();
  await using listener =
    metricsAddress === undefined
      ? undefined
      : await effects.serveMetrics(metricsAddress, () => metrics.text());
  const drivers = options.driverSockets.map((socket) => connectDriver(effects.grpc, socket));
  const begin = (): readonly Service[] => {
    metrics = createMetrics();
    effects.watchProcess(metrics);
    return controlPlaneLoops(effects, {
      handler: send,
      drivers,
      gates,
      selection,
      isServed,
      metrics,
      ...(nodeDeployment === undefined ? {} : { nodeDeployment }),
      ...(leaderElection === undefined ? {} : { leaderElection }),
    });
  };
  options.onStarted(listener?.address);
  try {
    await runTerms(begin, effects.log, signal);
  } finally {
    for (const driver of drivers) await driver[Symbol.asyncDispose]();
  }
}

/** Runs what `begin` makes; after a Lease was lost, what it makes anew (CMP14). */
export async function runTerms(
  begin: () => readonly Service[],
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await runServices(begin(), signal);
    } catch (error) {
      if (!isLeaseLost(error)) throw error;
      log.warn('beginning anew with empty memory', { because: messageOf(error) });
    }
  }
}

function isLeaseLost(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof LeaseLostError) return true;
  }
  return false;
}

/** What the server serves; and the namespace of the provisioners' intents is there (law 2). */
async function prepare({ send, driverSockets }: RemoteLoopsOptions, signal: AbortSignal): Promise<IsServed> {
  try {
    if (driverSockets.length > 0) await makeIntentNamespace(send, signal);
    return await discoverServed(send, signal);
  } catch (error) {
    throw new UnreachableError(messageOf(error), { cause: error });
  }
}

async function makeIntentNamespace(send: ApiHandler, signal: AbortSignal): Promise<void> {
  const api = createApiClient(send);
  if ((await api.find(namespaces, { name: INTENT_NAMESPACE }, signal)) !== undefined) return;
  try {
    await api.create(namespaces, { metadata: { name: INTENT_NAMESPACE } }, signal);
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
}
