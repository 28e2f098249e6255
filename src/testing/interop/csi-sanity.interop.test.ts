// csi-sanity, the conformance suite of the CSI community, against the built-in disk driver with its real mounts.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { silentLog } from '#base/log.ts';
import { realClock } from '#base/real/clock.ts';
import { diskController, diskNode } from '#drivers/disk/services.ts';
import { realFiles } from '#files/real/files.ts';
import { realHost } from '#host/real/host.ts';
import { realOwnedTrees } from '#host/real/remove-owned-tree.ts';
import { realGrpc } from '#transport/real/grpc.ts';
import { runTool, toolPath } from './tools.ts';

const sanity = toolPath('csi-sanity');
const stop = new AbortController();
const directory = mkdtempSync(join(tmpdir(), 'hf-sanity-'));
let running: Promise<unknown> = Promise.resolve();

afterEach(async () => {
  stop.abort();
  await running;
  await realOwnedTrees.remove(directory, 'test');
});

/** What csi-sanity may leave out: each with the reason why. */
const LEFT_OUT: readonly string[] = [];

test.skipIf(sanity === undefined)('csi-sanity passes on the disk driver', { timeout: 600_000 }, async () => {
  const socket = join(directory, 'c.sock');
  const nodeSocket = join(directory, 'n.sock');
  const deps = { grpc: realGrpc(), files: realFiles(), host: realHost(), clock: realClock(), log: silentLog };
  const pool = { directory: join(directory, 'pool'), name: 'node-1', version: '1' };
  running = Promise.all([
    diskController(deps, { pool, socket, capacityBytes: 40 * 2 ** 30 }).run(stop.signal),
    diskNode(deps, { pool, socket: nodeSocket, nodeId: 'node-1' }).run(stop.signal),
  ]);
  const parameters = join(directory, 'parameters.yaml');
  writeFileSync(parameters, '{}\n');
  const result = await runTool(sanity ?? '', [
    `--csi.endpoint=${nodeSocket}`,
    `--csi.controllerendpoint=${socket}`,
    `--csi.mountdir=${join(directory, 'mount')}`,
    `--csi.stagingdir=${join(directory, 'staging')}`,
    `--csi.testvolumeparameters=${parameters}`,
    `--csi.testvolumesize=${64 * 2 ** 20}`,
    `--csi.testvolumeexpandsize=${96 * 2 ** 20}`,
    '--ginkgo.no-color',
    ...(LEFT_OUT.length === 0 ? [] : [`--ginkgo.skip=${LEFT_OUT.join('|')}`]),
  ]);
  process.stdout.write(`${/Ran \d+ of \d+ Specs.*\n.*/.exec(result.output)?.[0] ?? ''}\n`);
  expect(result.output.split('\n').filter((line) => /\[FAIL\]/.test(line))).toEqual([]);
  expect(result.code).toBe(0);
});
