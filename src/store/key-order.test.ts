import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareOrderForms, orderForm } from './key-order.ts';

test('STO8: order forms compare as the UTF-8 bytes of their keys', () => {
  const key = fc.string({
    unit: fc.constantFrom('a', '/', 'é', '\ud7ff', '\ue000', '\ufffd', '\u{10000}', '\u{10ffff}'),
  });
  fc.assert(
    fc.property(key, key, (a, b) => {
      const bytes = Buffer.compare(Buffer.from(a), Buffer.from(b));
      expect(compareOrderForms(orderForm(a), orderForm(b))).toBe(bytes);
    }),
    { numRuns: 2000 },
  );
});
