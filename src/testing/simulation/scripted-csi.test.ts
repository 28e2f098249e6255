// The scripted driver itself: what the other tests rely on when they say that a reply was lost.
import { expect, test } from 'vitest';
import { virtualClock } from '../virtual-clock.ts';
import { type Fault, ScriptedCsi } from './scripted-csi.ts';

const options = { timeoutMs: 15_000 };

async function driver(fault?: Fault) {
  const clock = virtualClock();
  const csi = new ScriptedCsi({ clock });
  csi.hooks = { before: ({ method }) => (method === 'createVolume' ? fault : undefined) };
  const { controller } = await csi.connect();
  const create = async (): Promise<string> => {
    try {
      return (await controller.createVolume({ name: 'pvc-1' }, options)).volume?.volumeId ?? '';
    } catch (error) {
      return String((error as { code?: string }).code);
    }
  };
  return { clock, csi, controller, create };
}

interface Row {
  readonly fault: Fault;
  readonly answer: string;
  readonly volumes: number;
  readonly later?: number;
}
const rows: readonly Row[] = [
  { fault: { kind: 'refuse', code: 'INVALID_ARGUMENT' }, answer: 'INVALID_ARGUMENT', volumes: 0 },
  { fault: { kind: 'lose-request' }, answer: 'UNAVAILABLE', volumes: 0 },
  { fault: { kind: 'lose-reply' }, answer: 'DEADLINE_EXCEEDED', volumes: 1 },
  { fault: { kind: 'slow', afterMs: 20_000 }, answer: 'DEADLINE_EXCEEDED', volumes: 0, later: 1 },
  { fault: { kind: 'duplicate' }, answer: 'vol-1', volumes: 1 },
  { fault: { kind: 'fail-after-effect', code: 'INTERNAL' }, answer: 'INTERNAL', volumes: 1 },
];

test.each(rows)('a call with $fault.kind answers $answer', async ({ fault, answer, volumes, later }) => {
  const { clock, csi, create } = await driver(fault);
  expect(await create()).toBe(answer);
  expect(csi.backend.volumes.size).toBe(volumes);
  await clock.advance(60_000);
  expect(csi.backend.volumes.size).toBe(later ?? volumes);
  csi.hooks = {};
  expect(await create()).toBe('vol-1');
});

test('while a slow call is pending its volume answers ABORTED, and the log says what took effect', async () => {
  const { clock, csi, create } = await driver({ kind: 'slow', afterMs: 20_000 });
  await create();
  expect(await create()).toBe('ABORTED');
  await clock.advance(20_000);
  expect(csi.callsOf('createVolume').map(({ effects, end }) => [effects.length, end?.code])).toEqual([
    [1, 'DEADLINE_EXCEEDED'],
    [0, 'ABORTED'],
  ]);
});

test('capabilities may change while it runs', async () => {
  const { csi, controller } = await driver();
  const named = async () =>
    (await controller.controllerGetCapabilities({}, options)).capabilities.map(({ rpc }) => rpc?.type);
  expect(await named()).toContain('EXPAND_VOLUME');
  csi.traits.controllerCapabilities.delete('EXPAND_VOLUME');
  expect(await named()).not.toContain('EXPAND_VOLUME');
});
