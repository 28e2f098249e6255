import { describe, expect, test } from 'vitest';
import { persistentVolumes, pods } from '#api/resources.ts';
import type { ApiHandler, ApiRequest, ApiResponse } from '#api/request.ts';
import type { WatchEvent } from './api-client.ts';
import { createApiClient } from './create-client.ts';
import { inProcessClient } from './in-process.ts';

type Answer = { readonly status?: number; readonly body: unknown } | Error;

/** A handler that gives the answers in turn and keeps what it was asked. */
function scripted(...answers: readonly Answer[]) {
  const asked: ApiRequest[] = [];
  const rest = [...answers];
  const send: ApiHandler = async (request) => {
    asked.push(request);
    const answer = rest.shift();
    if (answer === undefined || answer instanceof Error) throw answer ?? new Error('no answer is left');
    return response(answer.body, answer.status);
  };
  const bodies = () => asked.map(({ body }) => body && JSON.parse(Buffer.from(body).toString()));
  return {
    client: createApiClient(send),
    asked,
    bodies,
    lines: () => asked.map((one) => `${one.method} ${one.path}`),
  };
}

function response(body: unknown, status = 200): ApiResponse {
  const isRaw = typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
  return {
    status,
    headers: {},
    body: isRaw ? (body as AsyncIterable<Uint8Array>) : Buffer.from(JSON.stringify(body)),
  };
}

const metadata = {
  name: 'a',
  namespace: 'default',
  uid: 'u1',
  resourceVersion: '7',
  creationTimestamp: 'now',
};
const pod = { apiVersion: 'v1', kind: 'Pod', metadata };
const conflict = {
  kind: 'Status',
  code: 409,
  reason: 'Conflict',
  message: 'changed',
  details: { retryAfterSeconds: 2 },
};
const notFound = { kind: 'Status', code: 404, reason: 'NotFound', message: 'no' };

describe('calls', () => {
  test('CLT14: use the URL grammar of Kubernetes and the content types of patches', async () => {
    const ok = { body: pod };
    const list = { body: { metadata: { resourceVersion: '7' }, items: [] } };
    const { client, lines, asked, bodies } = scripted(ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, list);
    const name = { namespace: 'default', name: 'a/b' };
    await client.get(pods, name);
    await client.create(pods, { metadata: { namespace: 'default', name: 'a' } });
    await client.update(pods, pod);
    await client.updateStatus(pods, pod);
    await client.updateSubresource(pods, pod, 'resize');
    await client.patch(pods, name, { type: 'merge', patch: {}, subresource: 'status' });
    await client.patch(persistentVolumes, { name: 'a' }, { type: 'strategic', patch: {} });
    await client.patch(pods, name, { type: 'json', patch: [] });
    await client.delete(pods, name, { preconditions: { uid: 'u1' }, gracePeriodSeconds: 0 });
    await client.createSubresource(pods, name, 'binding', pod);
    await client.list(pods, { namespace: 'default', labelSelector: 'a=b', fieldSelector: 'spec.nodeName=n' });
    expect(lines()).toEqual([
      'GET /api/v1/namespaces/default/pods/a%2Fb',
      'POST /api/v1/namespaces/default/pods',
      'PUT /api/v1/namespaces/default/pods/a',
      'PUT /api/v1/namespaces/default/pods/a/status',
      'PUT /api/v1/namespaces/default/pods/a/resize',
      'PATCH /api/v1/namespaces/default/pods/a%2Fb/status',
      'PATCH /api/v1/persistentvolumes/a',
      'PATCH /api/v1/namespaces/default/pods/a%2Fb',
      'DELETE /api/v1/namespaces/default/pods/a%2Fb',
      'POST /api/v1/namespaces/default/pods/a%2Fb/binding',
      'GET /api/v1/namespaces/default/pods?labelSelector=a%3Db&fieldSelector=spec.nodeName%3Dn&limit=500',
    ]);
    expect(asked.slice(5, 8).map(({ headers }) => headers['content-type'])).toEqual([
      'application/merge-patch+json',
      'application/strategic-merge-patch+json',
      'application/json-patch+json',
    ]);
    expect(bodies()[1]).toMatchObject({ apiVersion: 'v1', kind: 'Pod' });
    expect(bodies()[8]).toMatchObject({
      kind: 'DeleteOptions',
      preconditions: { uid: 'u1' },
      gracePeriodSeconds: 0,
    });
  });

  test('CLT15: a refusal carries what the server said, a missing answer is unknown', async () => {
    const { client } = scripted(
      { status: 409, body: conflict },
      new Error('reset'),
      { status: 502, body: 'x' },
      { body: [] },
    );
    const update = () => client.update(pods, pod);
    await expect(update()).rejects.toMatchObject({
      status: 409,
      reason: 'Conflict',
      message: 'changed',
      retryAfterSeconds: 2,
    });
    await expect(update()).rejects.toMatchObject({ status: 0, reason: 'Unknown' });
    await expect(update()).rejects.toMatchObject({ status: 502, reason: 'Unknown' });
    await expect(update()).rejects.toMatchObject({ status: 0, reason: 'Unknown' });
    await expect(client.get(pods, metadata, AbortSignal.abort())).rejects.toMatchObject({ status: 0 });
  });

  test('CLT16: find gives undefined for NotFound alone', async () => {
    const { client } = scripted(
      { status: 404, body: notFound },
      { status: 403, body: { kind: 'Status', code: 403 } },
    );
    expect(await client.find(pods, metadata)).toBeUndefined();
    await expect(client.find(pods, metadata)).rejects.toMatchObject({ reason: 'Forbidden' });
  });

  test('CLT17: CLT18: pages are joined, and their items get their type', async () => {
    const page = (name: string, next?: string) => ({
      body: {
        metadata: { resourceVersion: '9', continue: next },
        items: [{ metadata: { ...metadata, name } }],
      },
    });
    const { client, lines } = scripted(page('a', 'token'), page('b'));
    const { items, resourceVersion } = await client.list(pods);
    expect(items.map(({ kind, apiVersion, metadata: { name } }) => `${apiVersion} ${kind} ${name}`)).toEqual([
      'v1 Pod a',
      'v1 Pod b',
    ]);
    expect(resourceVersion).toBe('9');
    expect(lines()).toEqual(['GET /api/v1/pods?limit=500', 'GET /api/v1/pods?limit=500&continue=token']);
  });

  test('CLT17: when the snapshot behind the pages is gone the list is read whole', async () => {
    const gone = { status: 410, body: { kind: 'Status', code: 410, reason: 'Expired' } };
    const first = { body: { metadata: { resourceVersion: '9', continue: 't' }, items: [{ metadata }] } };
    const { client, lines } = scripted(first, gone, {
      body: { metadata: { resourceVersion: '12' }, items: [{ metadata }] },
    });
    expect((await client.list(pods)).resourceVersion).toBe('12');
    expect(lines().at(-1)).toBe('GET /api/v1/pods');
  });

  test('CLT18: an answer that is no stored object is refused', async () => {
    const { client } = scripted({ body: { metadata: { name: 'a' } } });
    await expect(client.get(pods, metadata)).rejects.toThrow(/not a stored Pod/);
  });

  test('CLT14: a loop in process has an identity of its own', async () => {
    const users: unknown[] = [];
    const client = inProcessClient(async ({ user }) => (users.push(user), response(pod)), 'binding');
    await client.get(pods, metadata);
    expect(users).toEqual([
      { name: 'holdfast:binding', groups: ['holdfast:control-plane', 'system:authenticated'] },
    ]);
  });
});

describe('watches', () => {
  const frame = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;
  async function events(chunks: readonly (string | Error)[]) {
    const { signal } = new AbortController();
    async function* body() {
      for (const chunk of chunks) {
        if (chunk instanceof Error) throw chunk;
        yield Buffer.from(chunk);
      }
    }
    const { client, lines } = scripted({ body: body() });
    const seen: WatchEvent<object & { metadata: object }>[] = [];
    const read = async () => {
      for await (const event of client.watch(pods, {}, signal)) seen.push(event);
    };
    const error: unknown = await read().catch((reason: unknown) => reason);
    return { seen, error, lines: lines() };
  }
  const bookmark = {
    metadata: { resourceVersion: '8', annotations: { 'k8s.io/initial-events-end': 'true' } },
  };

  test('CLT19: frames may be cut anywhere', async () => {
    const text = frame('ADDED', { ...pod, x: 'é' }) + frame('BOOKMARK', bookmark);
    const bytes = Buffer.from(text);
    const expected = await events([text]);
    expect(expected.seen).toMatchObject([
      { type: 'ADDED' },
      { type: 'BOOKMARK', initialEventsEnd: true, resourceVersion: '8' },
    ]);
    expect(expected.lines).toEqual([
      'GET /api/v1/pods?watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
    ]);
    for (let cut = 1; cut < bytes.length; cut += 7) {
      const pieces = [bytes.subarray(0, cut).toString('latin1'), bytes.subarray(cut).toString('latin1')];
      async function* body() {
        for (const piece of pieces) yield Buffer.from(piece, 'latin1');
      }
      const seen: unknown[] = [];
      const { client } = scripted({ body: body() });
      for await (const event of client.watch(pods, {}, new AbortController().signal)) seen.push(event);
      expect(seen).toEqual(expected.seen);
    }
  });

  test('CLT19: an ERROR frame, a broken stream and nonsense reject, an aborted stream ends', async () => {
    const expired = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };
    expect((await events([frame('ERROR', expired)])).error).toMatchObject({ status: 410, reason: 'Expired' });
    expect((await events([frame('ADDED', pod), new Error('reset')])).error).toMatchObject({ status: 0 });
    expect((await events(['nonsense\n'])).error).toMatchObject({ status: 0 });
  });

  test('CLT19: an aborted stream ends without an error', async () => {
    const stop = new AbortController();
    async function* body() {
      yield Buffer.from(frame('ADDED', pod));
      stop.abort();
      throw new Error('the connection was closed');
    }
    const { client } = scripted({ body: body() });
    const seen: unknown[] = [];
    for await (const event of client.watch(pods, {}, stop.signal)) seen.push(event);
    expect(seen.length).toBe(1);
  });
});
