import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#api/json.ts';
import { testServer } from '#testing/api-server.ts';
import type { HttpRequest, WebSocketConnection } from '#transport/http.ts';
import { memoryHttp, socketPair } from '#transport/memory-http.ts';

const PODS = '/api/v1/namespaces/default/pods';
const TLS = { certificate: 'server', privateKey: '', certificateAuthority: '' };
const ADMIN_PEER = { commonName: 'admin', organizations: ['system:masters'] };

/** A server, a pod `p` with the containers `names` on the node `n`, and an agent that echoes what it is asked. */
async function world(names: readonly string[] = ['main'], address = '10.0.0.1') {
  const network = memoryHttp((tls) => ({ commonName: tls.certificate ?? '', organizations: [] }));
  const asked: string[] = [];
  const agent = await network.listen({
    host: '',
    port: 10_250,
    tls: TLS,
    maxBodyBytes: 1000,
    handle: async ({ path, peer }) => {
      if (path.includes('/hangs')) await new Promise(() => undefined);
      asked.push(`${peer?.commonName} ${path}`);
      return {
        status: 200,
        headers: { 'content-type': 'text/plain' },
        body: Buffer.from('line 1\nline 2\n'),
      };
    },
    upgrade: async ({ path }, offered) => {
      asked.push(path);
      if (path.includes('command=missing')) {
        return {
          kind: 'refuse',
          response: { status: 404, headers: {}, body: Buffer.from('no such command') },
        };
      }
      return { kind: 'accept', protocol: offered[0] ?? '', serve: echo };
    },
  });
  const made = await testServer({ agents: { transport: network, tls: TLS } });
  const node: JsonObject = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } };
  await made.call('POST', '/api/v1/nodes', node);
  const status = {
    addresses: [{ type: 'InternalIP', address }],
    daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
  };
  await made.call('PATCH', '/api/v1/nodes/n/status', { status });
  const containers = names.map((name) => ({ name, image: 'i' }));
  for (const name of ['p', 'unbound']) {
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers } };
    await made.call('POST', PODS, pod);
  }
  await made.call('POST', `${PODS}/p/binding`, { target: { kind: 'Node', name: 'n' } });
  return { ...made, asked, agent };
}

async function echo(socket: WebSocketConnection): Promise<void> {
  for await (const frame of socket.frames) {
    await socket.send(frame);
    if (frame.length === 0) return;
  }
}

function upgradeRequest(path: string): HttpRequest {
  const signal = new AbortController().signal;
  return { method: 'GET', path, headers: {}, peer: ADMIN_PEER, body: async () => new Uint8Array(), signal };
}

describe('logs', () => {
  test('SRV48: the agent of the pod is asked, with what the client asked for', async () => {
    const { call, asked } = await world();
    const answer = await call('GET', `${PODS}/p/log?tailLines=2&follow=true&evil=1`);
    expect([answer.status, answer.text]).toEqual([200, 'line 1\nline 2\n']);
    expect(asked).toEqual(['server /containerLogs/default/p/main?follow=true&tailLines=2']);
  });

  test.each([
    ['p', 'container=other', ['main'], 400],
    ['p', '', ['a', 'b'], 400],
    ['p', 'container=b', ['a', 'b'], 200],
    ['unbound', '', ['main'], 400],
    ['missing', '', ['main'], 404],
  ])('SRV48: pod %s with "%s" of %j is %i', async (pod, query, names, status) => {
    const { call } = await world(names);
    expect((await call('GET', `${PODS}/${pod}/log?${query}`)).status).toBe(status);
  });

  test('SRV48: a node that reports a name instead of an address is not connected to', async () => {
    const { call, asked } = await world(['main'], 'metadata.internal');
    expect((await call('GET', `${PODS}/p/log`)).status).toBe(503);
    expect(asked).toEqual([]);
  });

  test('SRV48: an agent that hangs is 503 after ten seconds', async () => {
    const { call, clock } = await world(['hangs']);
    const waiting = call('GET', `${PODS}/p/log`);
    await clock.advance(10_000);
    const answer = await waiting;
    expect([answer.status, answer.json.message]).toEqual([503, expect.stringContaining('within 10 s')]);
  });

  test('SRV48: an agent that does not answer is 503 with Retry-After', async () => {
    const { call, agent } = await world();
    await agent[Symbol.asyncDispose]();
    const answer = await call('GET', `${PODS}/p/log`);
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
  });
});

describe('exec', () => {
  test('SRV48: frames pass both ways until one side ends', async () => {
    const { server, asked } = await world();
    const path = `${PODS}/p/exec?command=sh&command=-c&stdin=true&tty=true`;
    const decision = await server.http.upgrade(upgradeRequest(path), ['v5.channel.k8s.io', 'x']);
    expect(asked).toEqual(['/exec/default/p/main?command=sh&command=-c&stdin=true&tty=true']);
    if (decision.kind !== 'accept') throw new Error('the exec must be accepted');
    expect(decision.protocol).toBe('v5.channel.k8s.io');
    const { client, server: end } = socketPair(decision.protocol);
    const serving = decision.serve(end);
    await client.send(Buffer.from([0, 104, 105]));
    await client.send(Buffer.from([]));
    const seen: string[] = [];
    for await (const frame of client.frames) seen.push(Buffer.from(frame).toString('hex'));
    await serving;
    expect(seen).toEqual(['006869', '']);
  });

  test('SRV48: what the agent refuses is told in the session', async () => {
    const { server } = await world();
    const path = `${PODS}/p/exec?command=missing`;
    const decision = await server.http.upgrade(upgradeRequest(path), ['v5.channel.k8s.io']);
    if (decision.kind !== 'accept') throw new Error('the session must be opened');
    const { client, server: end } = socketPair(decision.protocol);
    void decision.serve(end);
    for await (const frame of client.frames) {
      expect(frame[0]).toBe(3);
      expect(JSON.parse(Buffer.from(frame.subarray(1)).toString())).toMatchObject({
        status: 'Failure',
        message: 'no such command',
        code: 404,
      });
      break;
    }
  });

  test.each([
    [`${PODS}/unbound/exec?command=sh`, [], ADMIN_PEER, 400],
    [`${PODS}/p/exec?command=sh`, ['spdy'], ADMIN_PEER, 400],
    [`${PODS}/p/exec?command=sh`, ['v5.channel.k8s.io'], undefined, 401],
    [`${PODS}/p/exec?command=sh`, ['v5.channel.k8s.io'], { commonName: 'eve', organizations: [] }, 403],
    [`${PODS}/p/log`, ['v5.channel.k8s.io'], ADMIN_PEER, 404],
  ])('SRV48: %s with %j is refused', async (path, protocols, peer, status) => {
    const { server } = await world();
    const decision = await server.http.upgrade({ ...upgradeRequest(path), peer }, protocols);
    expect(decision.kind === 'refuse' ? decision.response.status : 0).toBe(status);
  });
});
