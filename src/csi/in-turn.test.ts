import { expect, test } from 'vitest';
import type { CsiConnection } from './client.ts';
import { CsiError } from './csi-error.ts';
import { inTurn } from './in-turn.ts';

const OPTIONS = { timeoutMs: 1000 };

test('CSI40: calls for one volume follow each other, also after a failure; others are not held up', async () => {
  const order: string[] = [];
  const ends: (() => void)[] = [];
  const call = (name: string, fails: boolean) => (request: { readonly volumeId?: string }) => {
    order.push(`${name} ${request.volumeId ?? ''}`);
    return new Promise<object>((resolve, reject) =>
      ends.push(() => (fails ? reject(new CsiError('ABORTED', 'no')) : resolve({}))),
    );
  };
  const { controller } = inTurn({
    controller: {
      controllerPublishVolume: call('publish', true),
      controllerExpandVolume: call('expand', false),
      createVolume: call('create', false),
    },
  } as unknown as CsiConnection);
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  const first = controller.controllerPublishVolume({ volumeId: 'a' }, OPTIONS);
  const second = controller.controllerExpandVolume({ volumeId: 'a' }, OPTIONS);
  void controller.controllerExpandVolume({ volumeId: 'b' }, OPTIONS);
  void controller.createVolume({ name: 'c' }, OPTIONS);
  await settle();
  expect(order).toEqual(['publish a', 'expand b', 'create ']);
  ends[0]?.();
  await expect(first).rejects.toThrow('no');
  await settle();
  expect(order.at(-1)).toBe('expand a');
  ends[3]?.();
  expect(await second).toEqual({});
});
