// The functions that Kubernetes adds to CEL for validation rules: regular expressions (in linear time), lists, texts and
// quantities. What is not here does not compile, so a definition that needs it is refused instead of misunderstood.
import type { Environment } from '@marcbachmann/cel-js';
import { compareQuantities, parseQuantity } from '../quantity.ts';
import { allMatches, findsPattern, firstMatch } from './linear-regexp.ts';

/** `matches` is written to this name before a rule is compiled: the library's own uses a RegExp that can hang. */
export const LINEAR_MATCHES = 'linearMatches';

class Quantity {
  readonly text: string;

  constructor(text: string) {
    if (parseQuantity(text) === undefined) throw new Error(`${JSON.stringify(text)} is not a quantity`);
    this.text = text;
  }
}

type Handler = (...values: readonly never[]) => unknown;

const TEXTS: Readonly<Record<string, Handler>> = {
  [`string.${LINEAR_MATCHES}(string): bool`]: (text: string, pattern: string) => {
    const found = findsPattern(pattern, text);
    if (found === undefined) throw new Error(`${JSON.stringify(pattern)} is not a regular expression of RE2`);
    return found;
  },
  'string.find(string): string': (text: string, pattern: string) => firstMatch(pattern, text) ?? '',
  'string.findAll(string): list<string>': (text: string, pattern: string) => [
    ...allMatches(pattern, text, -1),
  ],
  'string.findAll(string, int): list<string>': (text: string, pattern: string, limit: bigint) => [
    ...allMatches(pattern, text, Number(limit)),
  ],
  'string.charAt(int): string': (text: string, at: bigint) => [...text][Number(at)] ?? '',
  'string.replace(string, string): string': (text: string, from: string, to: string) =>
    text.replaceAll(from, to),
  'string.reverse(): string': (text: string) => [...text].reverse().join(''),
};

type Ordered = bigint | number | string;

const LISTS: Readonly<Record<string, Handler>> = {
  'list<dyn>.isSorted(): bool': (list: readonly Ordered[]) =>
    list.every((item, at) => at === 0 || (list[at - 1] ?? item) <= item),
  'list<dyn>.sum(): dyn': (list: readonly (bigint | number)[]) => sum(list),
  'list<dyn>.min(): dyn': (list: readonly Ordered[]) => first(list, (a, b) => a < b),
  'list<dyn>.max(): dyn': (list: readonly Ordered[]) => first(list, (a, b) => a > b),
  'list<dyn>.indexOf(dyn): int': (list: readonly unknown[], item: unknown) => BigInt(list.indexOf(item)),
  'list<dyn>.lastIndexOf(dyn): int': (list: readonly unknown[], item: unknown) =>
    BigInt(list.lastIndexOf(item)),
};

const QUANTITIES: Readonly<Record<string, Handler>> = {
  'isQuantity(string): bool': (text: string) => parseQuantity(text) !== undefined,
  'quantity(string): Quantity': (text: string) => new Quantity(text),
  'Quantity.compareTo(Quantity): int': (a: Quantity, b: Quantity) =>
    BigInt(compareQuantities(a.text, b.text)),
  'Quantity.isLessThan(Quantity): bool': (a: Quantity, b: Quantity) => compareQuantities(a.text, b.text) < 0,
  'Quantity.isGreaterThan(Quantity): bool': (a: Quantity, b: Quantity) =>
    compareQuantities(a.text, b.text) > 0,
  'Quantity.sign(): int': (a: Quantity) => BigInt(Math.sign(compareQuantities(a.text, '0'))),
};

export function registerFunctions(environment: Environment): void {
  environment.registerType('Quantity', Quantity);
  for (const functions of [TEXTS, LISTS, QUANTITIES]) {
    for (const [signature, handler] of Object.entries(functions))
      environment.registerFunction(signature, handler);
  }
}

function sum(list: readonly (bigint | number)[]): bigint | number {
  if (list.every((item) => typeof item === 'bigint')) return list.reduce((total, item) => total + item, 0n);
  return list.reduce<number>((total, item) => total + Number(item), 0);
}

function first(list: readonly Ordered[], isBetter: (a: Ordered, b: Ordered) => boolean): Ordered {
  const [head, ...rest] = list;
  if (head === undefined) throw new Error('min and max need a list with items');
  return rest.reduce((best, item) => (isBetter(item, best) ? item : best), head);
}
