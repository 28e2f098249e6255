// The machine's randomness. Only main makes one.
import { randomBytes, randomUUID } from 'node:crypto';
import type { Random } from '../random.ts';

export function realRandom(): Random {
  return {
    fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
    uuid: () => randomUUID(),
  };
}
