// Chance for tests and simulation: the same seed gives the same numbers on every machine.
import type { Random } from '#base/random.ts';

/** A generator (mulberry32) whose whole sequence follows from `seed`. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const hex = (digits: number): string => {
    let out = '';
    for (let i = 0; i < digits; i++) out += Math.floor(fraction() * 16).toString(16);
    return out;
  };
  return {
    fraction,
    uuid: () =>
      `${hex(8)}-${hex(4)}-4${hex(3)}-${'89ab'.charAt(Math.floor(fraction() * 4))}${hex(3)}-${hex(12)}`,
  };
}
