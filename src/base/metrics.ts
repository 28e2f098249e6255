// Counters, gauges and histograms as plain values, and their text for Prometheus. Reads no clock and sets no timer: who
// observes a duration has measured it, and what is only known at the moment of a look is a collector.
// Rules CMP6 and CMP7 are carried out here too.
import { assert } from './assert.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  /** `by` (1) is added; never negative. */
  add(labels: Labels, by?: number): void;
}

export interface Gauge {
  set(labels: Labels, value: number): void;
}

export interface Histogram {
  observe(labels: Labels, value: number): void;
}

/** A value that is computed at the moment of a look. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface Definition {
  /** With its unit: `workqueue_work_duration_seconds`. */
  readonly name: string;
  readonly help: string;
}

/** Where parts register what they count. Asking for a name twice gives the same one. */
export interface Metrics {
  counter(definition: Definition): Counter;
  gauge(definition: Definition): Gauge;
  histogram(definition: Definition & { readonly buckets: readonly number[] }): Histogram;
  /** `read` is called at each look; asked for again, all of its readers' samples are told. */
  collect(
    definition: Definition & { readonly type: 'counter' | 'gauge' },
    read: () => Iterable<Sample>,
  ): void;
}

export interface MetricsRegistry extends Metrics {
  /** Everything in the text format 0.0.4. */
  text(): string;
}

/** Bounded (law 8): what a driver or a user names could otherwise make any number of series. */
const MAX_SERIES = 2000;

/** Buckets `first`, `first * factor`, …: `count` of them. */
export function exponentialBuckets(first: number, factor: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => first * factor ** at);
}

/** Those of Prometheus' client libraries. */
export const DEFAULT_BUCKETS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(): MetricsRegistry {
  return new Registry();
}

interface Part {
  lines(name: string): Iterable<string>;
}

interface Family {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly part: Part;
}

class Registry implements MetricsRegistry {
  readonly #families = new Map<string, Family>();

  counter(definition: Definition): Counter {
    return this.#part(definition, 'counter', Values, () => new Values());
  }

  gauge(definition: Definition): Gauge {
    return this.#part(definition, 'gauge', Values, () => new Values());
  }

  histogram(definition: Definition & { readonly buckets: readonly number[] }): Histogram {
    return this.#part(definition, 'histogram', Distribution, () => new Distribution(definition.buckets));
  }

  collect(
    definition: Definition & { readonly type: 'counter' | 'gauge' },
    read: () => Iterable<Sample>,
  ): void {
    this.#part(definition, definition.type, Readers, () => new Readers()).add(read);
  }

  text(): string {
    const lines: string[] = [];
    for (const [name, { help, type, part }] of [...this.#families].sort(([a], [b]) => (a < b ? -1 : 1))) {
      lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`, ...part.lines(name));
    }
    return lines.map((line) => `${line}\n`).join('');
  }

  #part<P extends Part>(
    { name, help }: Definition,
    type: Family['type'],
    kind: abstract new (...args: never[]) => P,
    make: () => P,
  ): P {
    const known = this.#families.get(name);
    if (known !== undefined) {
      const { part } = known;
      assert(part instanceof kind && known.type === type, `the metric "${name}" is one thing only`);
      return part;
    }
    const part = make();
    this.#families.set(name, { type, help, part });
    return part;
  }
}

/** Series by their labels, in the order of their first mention. */
class Series<T> {
  readonly #byLabels = new Map<string, T>();

  /** Undefined when there are too many already. */
  of(labels: Labels, make: () => T): T | undefined {
    const key = labelsText(labels);
    const known = this.#byLabels.get(key);
    if (known !== undefined) return known;
    if (this.#byLabels.size >= MAX_SERIES) return undefined;
    const made = make();
    this.#byLabels.set(key, made);
    return made;
  }

  entries(): Iterable<readonly [string, T]> {
    return this.#byLabels;
  }
}

class Values implements Counter, Gauge {
  readonly #series = new Series<{ value: number }>();

  add(labels: Labels, by = 1): void {
    const one = this.#series.of(labels, () => ({ value: 0 }));
    if (one !== undefined) one.value += by;
  }

  set(labels: Labels, value: number): void {
    const one = this.#series.of(labels, () => ({ value }));
    if (one !== undefined) one.value = value;
  }

  *lines(name: string): Iterable<string> {
    for (const [labels, { value }] of this.#series.entries())
      yield `${name}${braced(labels)} ${numberText(value)}`;
  }
}

class Distribution implements Histogram {
  readonly #buckets: readonly number[];
  readonly #series = new Series<{ readonly counts: number[]; sum: number; count: number }>();

  constructor(buckets: readonly number[]) {
    this.#buckets = buckets;
  }

  observe(labels: Labels, value: number): void {
    const one = this.#series.of(labels, () => ({ counts: this.#buckets.map(() => 0), sum: 0, count: 0 }));
    if (one === undefined) return;
    one.sum += value;
    one.count++;
    const at = this.#buckets.findIndex((upTo) => value <= upTo);
    if (at >= 0) one.counts[at] = (one.counts[at] ?? 0) + 1;
  }

  *lines(name: string): Iterable<string> {
    for (const [labels, { counts, sum, count }] of this.#series.entries()) {
      const also = labels === '' ? '' : `${labels},`;
      let below = 0;
      for (const [at, upTo] of this.#buckets.entries()) {
        below += counts[at] ?? 0;
        yield `${name}_bucket{${also}le="${numberText(upTo)}"} ${below}`;
      }
      yield `${name}_bucket{${also}le="+Inf"} ${count}`;
      yield `${name}_sum${braced(labels)} ${numberText(sum)}`;
      yield `${name}_count${braced(labels)} ${count}`;
    }
  }
}

class Readers {
  readonly #readers: (() => Iterable<Sample>)[] = [];

  add(read: () => Iterable<Sample>): void {
    this.#readers.push(read);
  }

  *lines(name: string): Iterable<string> {
    let room = MAX_SERIES;
    for (const read of this.#readers) {
      for (const { labels, value } of read()) {
        if (room-- <= 0) return;
        yield `${name}${braced(labelsText(labels))} ${numberText(value)}`;
      }
    }
  }
}

function labelsText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeValue(value)}"`)
    .join(',');
}

const braced = (labels: string): string => (labels === '' ? '' : `{${labels}}`);

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

const escapeValue = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');

/** JavaScript's own form, which Prometheus reads, but for the infinities. */
function numberText(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}
