import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmdirSync, statSync, writeFileSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { grpcContract } from '#testing/contracts/grpc.ts';
import { realGrpc } from './grpc.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hf-grpc-'));
});
afterEach(() => {
  for (const name of readdirSync(folder)) unlinkSync(join(folder, name));
  rmdirSync(folder);
});

grpcContract('unix sockets', () => ({ transport: realGrpc(), endpoint: join(folder, 'csi.sock') }));

const EMPTY = JSON.stringify({ nested: {} });

describe('the socket file', () => {
  it('GRP5: is 0600 and gone after the server ends', async () => {
    const path = join(folder, 'csi.sock');
    const server = await realGrpc().serve(path, EMPTY, []);
    expect(statSync(path).mode & 0o7777).toBe(0o600);
    await server[Symbol.asyncDispose]();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('GRP9: replaces the socket that a killed process left behind', async () => {
    const path = join(folder, 'csi.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(path)},()=>console.log('up'))`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(statSync(path).isSocket()).toBe(true);
    await using server = await realGrpc().serve(path, EMPTY, []);
    expect(server).toBeDefined();
  });

  it('GRP9: never replaces a file that is no socket', async () => {
    const path = join(folder, 'csi.sock');
    writeFileSync(path, 'precious');
    await expect(realGrpc().serve(path, EMPTY, [])).rejects.toThrow(/no socket/);
    expect(statSync(path).size).toBe(8);
  });
});
