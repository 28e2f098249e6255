// Small parts with a virtual clock: tickets, events, records, ExecSync's bounds, images.
import { describe, expect, it } from 'vitest';
import type { Clock } from '#base/clock.ts';
import type { Files } from '#files/files.ts';
import type { ContainerEventResponse } from '../generated/cri.ts';
import { ContainerEvents } from './container-events.ts';
import { imageHandlers } from './image-service.ts';
import { fileRecords } from './records.ts';
import { StreamTickets, TICKET_MS } from './stream-tickets.ts';

function aClock(): Clock & { advance(ms: number): void } {
  let now = 0;
  return {
    now: () => now,
    elapsed: () => now,
    after: () => ({ cancel: () => undefined }),
    turn: () => undefined,
    advance: (ms) => {
      now += ms;
    },
  };
}

let uuids = 0;
const random = {
  fraction: () => 0.5,
  uuid: () => `00000000-0000-0000-0000-${String(++uuids).padStart(12, '0')}`,
};
const V5 = ['v5.channel.k8s.io'];

describe('StreamTickets', () => {
  it('SBX67: admits a ticket once', () => {
    const tickets = new StreamTickets(aClock(), random);
    const path = tickets.issue('exec', async () => undefined);
    expect(tickets.accept(path, V5)?.protocol).toBe('v5.channel.k8s.io');
    expect(tickets.accept(path, V5)).toBeUndefined();
  });

  it('SBX67: forgets a ticket after a minute', () => {
    const clock = aClock();
    const tickets = new StreamTickets(clock, random);
    const path = tickets.issue('attach', async () => undefined);
    clock.advance(TICKET_MS);
    expect(tickets.accept(path, V5)).toBeUndefined();
  });

  it('SBX60: an unknown protocol does not use the ticket up', () => {
    const tickets = new StreamTickets(aClock(), random);
    const path = tickets.issue('exec', async () => undefined);
    expect(tickets.accept(path, ['x'])).toBeUndefined();
    expect(tickets.accept(path, V5)).toBeDefined();
  });
});

function anEvent(containerId: string): ContainerEventResponse {
  return {
    containerId,
    containerEventType: 'CONTAINER_STARTED_EVENT',
    createdAt: '0',
    podSandboxStatus: null,
    containersStatuses: [],
  };
}

describe('ContainerEvents', () => {
  it('SBX69: streams events in order until the signal aborts', async () => {
    const events = new ContainerEvents();
    const stop = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of events.subscribe(stop.signal)) seen.push(event.containerId);
    })();
    await Promise.resolve();
    events.emit(anEvent('a'));
    events.emit(anEvent('b'));
    await new Promise((resolve) => process.nextTick(resolve));
    stop.abort();
    await reading;
    expect(seen).toEqual(['a', 'b']);
  });

  it('SBX69: cuts off a reader that falls behind', async () => {
    const events = new ContainerEvents();
    const reader = events.subscribe(new AbortController().signal);
    const first = reader.next();
    for (let i = 0; i < 1002; i++) events.emit(anEvent(String(i)));
    await expect(first).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });
});

describe('records', () => {
  it('SBX44: reports a damaged record, leaves it, and takes the others', async () => {
    const good = 'a'.repeat(64);
    const stored = new Map<string, string>([
      [`/s/pods/${good}.json`, JSON.stringify({ id: good })],
      [`/s/pods/${'b'.repeat(64)}.json`, '{"id":"half'],
      ['/s/pods/other.txt', 'not ours'],
    ]);
    const damaged: string[] = [];
    const files: Files = {
      read: async (path) => Buffer.from(stored.get(path) ?? ''),
      list: async (path) =>
        [...stored.keys()]
          .filter((key) => key.startsWith(`${path}/`))
          .map((key) => key.slice(path.length + 1)),
      write: async () => undefined,
      remove: async () => undefined,
      removeDirectory: async () => undefined,
      makeDirectory: async () => undefined,
      exists: async () => true,
      lock: async () => undefined,
    };
    const { pods } = await fileRecords(files, '/s', (path) => damaged.push(path)).load();
    expect(pods.map((pod) => pod.id)).toEqual([good]);
    expect(damaged).toEqual([`/s/pods/${'b'.repeat(64)}.json`]);
  });
});

describe('images', () => {
  it('SBX7: a reference stands for itself', async () => {
    const image = {
      image: 'busybox:1',
      annotations: {},
      userSpecifiedImage: '',
      runtimeHandler: '',
      imageRef: '',
    };
    const { pullImage, imageStatus } = imageHandlers();
    expect(await pullImage({ image, auth: null, sandboxConfig: null })).toEqual({ imageRef: 'busybox:1' });
    expect(await imageStatus({ image, verbose: false })).toMatchObject({ image: { id: 'busybox:1' } });
  });
});
