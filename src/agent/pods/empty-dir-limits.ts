// The size limits of emptyDirs on disk: each volume with one is measured again and again by a program with a deadline,
// and a pod that took more is evicted, as the kubelet does. In memory the tmpfs itself keeps the limit.
import { type Clock, sleep } from '#base/clock.ts';
import { messageOf } from '#base/errors.ts';
import type { Log } from '#base/log.ts';
import type { Host } from '#host/host.ts';
import type { DesiredMount, DesiredWorld } from '../world/desired-world.ts';
import type { Rejection } from './status.ts';

export interface LimitDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly host: Pick<Host, 'commands'>;
  readonly desired: DesiredWorld;
  /** The pod is to fail with reason Evicted. */
  readonly reject: (podUid: string, rejection: Rejection) => void;
}

/** The kubelet's eviction manager looks this often. */
const LOOK_MS = 10_000;
/** A walk that takes longer says nothing this time. */
const WALK_MS = 60_000;

/** Until the signal aborts; one volume at a time, so that the disk is left to the pods. */
export async function watchEmptyDirLimits(deps: LimitDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(deps.clock, LOOK_MS, 'periodic', signal);
    if (!signal.aborted) await lookAtLimits(deps, signal);
  }
}

/** One look at every volume that has a limit. */
export async function lookAtLimits(deps: LimitDeps, signal: AbortSignal): Promise<void> {
  for (const mount of deps.desired.mounts()) {
    const limit = limitOf(mount);
    if (limit === undefined || signal.aborted) continue;
    const used = await usedBytes(deps, mount.target, signal);
    if (used === undefined || used <= limit) continue;
    const { quantity } = sourceOf(mount);
    const limitText = quantity ?? String(limit);
    const message = `Usage of EmptyDir volume "${mount.volumeName}" exceeds the limit "${limitText}". `;
    deps.reject(mount.pod.uid, { reason: 'Evicted', message });
  }
}

function sourceOf({ source }: DesiredMount): { limit: bigint | undefined; quantity: string | undefined } {
  if (source.type !== 'empty-dir' || source.medium !== 'disk')
    return { limit: undefined, quantity: undefined };
  return { limit: source.sizeLimitBytes, quantity: source.sizeLimit };
}

const limitOf = (mount: DesiredMount): bigint | undefined => sourceOf(mount).limit;

/** What the tree takes on its disk: links are not followed, other file systems not entered. */
async function usedBytes(deps: LimitDeps, path: string, signal: AbortSignal): Promise<bigint | undefined> {
  try {
    const args = ['-s', '-x', '-B1', '--', path];
    const { kind, stdout } = await deps.host.commands.run('du', args, { timeoutMs: WALK_MS, signal });
    // Files that vanish meanwhile make du fail; what it counted is still a lower bound.
    const bytes = /^(\d+)\t/.exec(stdout)?.[1];
    if (kind === 'exited' && bytes !== undefined) return BigInt(bytes);
    if (!signal.aborted) deps.log.warn('an emptyDir could not be measured', { path, outcome: kind });
  } catch (error) {
    deps.log.warn('an emptyDir could not be measured', { path, error: messageOf(error) });
  }
  return undefined;
}
