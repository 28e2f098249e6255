// Limits of emptyDirs with what `du` says.
import { expect, test } from 'vitest';
import type { Clock } from '#base/clock.ts';
import { silentLog } from '#base/log.ts';
import type { CommandResult } from '#host/host.ts';
import { type DesiredMount, DesiredWorld } from '../world/desired-world.ts';
import { lookAtLimits } from './empty-dir-limits.ts';
import type { Rejection } from './status.ts';

function emptyDir(limit: bigint | undefined, medium: 'disk' | 'memory' = 'disk'): DesiredMount {
  return {
    key: 'u/empty-dir/e',
    pod: { uid: 'u', name: 'p', namespace: 'default', serviceAccountName: '' },
    volumeName: 'e',
    type: 'empty-dir',
    target: '/k/e',
    source: { type: 'empty-dir', medium, sizeLimitBytes: limit, sizeLimit: '1Ki' },
    group: undefined,
    version: '',
  };
}

async function evictions(mount: DesiredMount, result: Partial<CommandResult>): Promise<unknown> {
  const desired = new DesiredWorld();
  desired.want('u', [mount]);
  const said: string[] = [];
  let ran = 0;
  const run = async (): Promise<CommandResult> => {
    ran++;
    return { kind: 'exited', exitCode: 0, stdout: '', stderr: '', ...result };
  };
  const reject = (uid: string, { reason, message }: Rejection): void => {
    said.push(`${uid}: ${reason}: ${message}`);
  };
  const deps = { clock: {} as Clock, log: silentLog, host: { commands: { run } }, desired, reject };
  await lookAtLimits(deps, new AbortController().signal);
  return { ran, said };
}

test.each([
  { when: 'more', mount: emptyDir(1024n), result: { stdout: '1025\t/k/e\n' }, evicts: true, ran: 1 },
  {
    when: 'more, with files gone meanwhile',
    mount: emptyDir(1024n),
    result: { exitCode: 1, stdout: '2000\t/k/e\n' },
    evicts: true,
    ran: 1,
  },
  {
    when: 'just its limit',
    mount: emptyDir(1024n),
    result: { stdout: '1024\t/k/e\n' },
    evicts: false,
    ran: 1,
  },
  {
    when: 'an unknown amount',
    mount: emptyDir(1024n),
    result: { kind: 'timed-out' as const },
    evicts: false,
    ran: 1,
  },
  { when: 'what it likes', mount: emptyDir(undefined), result: {}, evicts: false, ran: 0 },
  { when: 'memory', mount: emptyDir(1024n, 'memory'), result: {}, evicts: false, ran: 0 },
])('AGT83: a pod that takes $when', async ({ mount, result, evicts, ran }) => {
  const said = evicts ? ['u: Evicted: Usage of EmptyDir volume "e" exceeds the limit "1Ki". '] : [];
  expect(await evictions(mount, result)).toEqual({ ran, said });
});
