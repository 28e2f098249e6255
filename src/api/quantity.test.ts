import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatBytes,
  formatMilli,
  parseQuantity,
  quantityToBytes,
  quantityToMilli,
} from './quantity.ts';

const canonical = [
  { rule: 'API3', text: '1.5Gi', is: '1536Mi' },
  { rule: 'API3', text: '1024Mi', is: '1Gi' },
  { rule: 'API3', text: '1000m', is: '1' },
  { rule: 'API3', text: '0.5', is: '500m' },
  { rule: 'API3', text: '0.1', is: '100m' },
  { rule: 'API3', text: '1e3', is: '1e3' },
  { rule: 'API3', text: '1000e0', is: '1e3' },
  { rule: 'API3', text: '1E', is: '1E' },
  { rule: 'API3', text: '1E2', is: '100' },
  { rule: 'API3', text: '100Ki', is: '100Ki' },
  { rule: 'API3', text: '0.1Gi', is: '107374182400m' },
  { rule: 'API3', text: '0.5Ki', is: '512' },
  { rule: 'API3', text: '0.0Gi', is: '0' },
  { rule: 'API3', text: '-1.5Ki', is: '-1536' },
  { rule: 'API3', text: '+5k', is: '5k' },
  { rule: 'API3', text: '5.', is: '5' },
  { rule: 'API3', text: '.5', is: '500m' },
  { rule: 'API1', text: '0.1n', is: '1n' },
  { rule: 'API1', text: '-0.1n', is: '-1n' },
  { rule: 'API1', text: '1e999999999', is: '9223372036854775807e0' },
  { rule: 'API1', text: '-1e999999999', is: '-9223372036854775807e0' },
  { rule: 'API1', text: '1e-999999999', is: '1e-9' },
  { rule: 'API1', text: '9999Ei', is: '9223372036854775807' },
  { rule: 'API1', text: '0e999999999', is: '0' },
];

describe('quantities', () => {
  it.each(canonical)('$rule: "$text" is kept as "$is"', ({ text, is }) => {
    expect(canonicalQuantity(text)).toBe(is.replace(/e0$/, ''));
  });

  const refused = [
    '',
    ' ',
    '1 Gi',
    'Gi',
    '.',
    '1.2.3',
    '1gi',
    '1KI',
    '0x10',
    '1e',
    '--1',
    '1Gi ',
    'NaN',
    '1_0',
  ];
  it.each(refused)('API2: "%s" is refused', (text) => {
    expect(parseQuantity(text)).toBeUndefined();
  });

  it('API2: a very long text is refused', () => {
    expect(parseQuantity('1'.repeat(1_000_000))).toBeUndefined();
    expect(parseQuantity(`1e${'9'.repeat(1_000_000)}`)).toBeUndefined();
  });

  const compared = [
    { a: '1Gi', b: '1024Mi', sign: 0 },
    { a: '1G', b: '1Gi', sign: -1 },
    { a: '100m', b: '0.1', sign: 0 },
    { a: '-1', b: '0', sign: -1 },
    { a: '9007199254740993', b: '9007199254740992', sign: 1 },
  ];
  it.each(compared)('API4: "$a" against "$b" compares as $sign', ({ a, b, sign }) => {
    expect(compareQuantities(a, b)).toBe(sign);
  });

  it('API4: bytes and thousandths round away from zero', () => {
    expect(quantityToBytes('1.5')).toBe(2n);
    expect(quantityToBytes('-1.5')).toBe(-2n);
    expect(quantityToBytes('1.5Gi')).toBe(1_610_612_736n);
    expect(quantityToMilli('0.1001')).toBe(101n);
    expect(addQuantities('1Gi', '512Mi')).toBe('1536Mi');
    expect(formatMilli(1500n)).toBe('1500m');
    expect(formatMilli(2000n)).toBe('2');
  });

  it('API3: the canonical form is a fixed point with the same value', () => {
    const suffix = fc.constantFrom('', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e2', 'E-3');
    const text = fc
      .tuple(fc.integer(), fc.nat(999), suffix)
      .map(([whole, part, unit]) => `${whole}.${part}${unit}`);
    fc.assert(
      fc.property(text, (given) => {
        const once = canonicalQuantity(given) ?? '';
        expect(canonicalQuantity(once)).toBe(once);
        expect(compareQuantities(once, given)).toBe(0);
      }),
    );
  });

  it('API4: bytes survive a round trip through text', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 63n - 1n), (bytes) => {
        expect(quantityToBytes(formatBytes(bytes))).toBe(bytes);
      }),
    );
  });
});
