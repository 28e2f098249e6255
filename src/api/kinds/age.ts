// Times as printer columns show them: `5m`, `3d4h`, `<unknown>`.
import { Field } from './field.ts';
import type { JsonObject, JsonValue } from '../json.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** A duration with at most two units, coarser the longer it is, as kubectl prints it. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  // Two seconds of clock difference are tolerated; beyond that the time lies in the future.
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 2 * MINUTE) return `${seconds}s`;
  if (seconds < 10 * MINUTE) return twoUnits(seconds, { unit: MINUTE, name: 'm' }, { unit: 1, name: 's' });
  if (seconds < 3 * HOUR) return `${Math.floor(seconds / MINUTE)}m`;
  if (seconds < 8 * HOUR) return twoUnits(seconds, { unit: HOUR, name: 'h' }, { unit: MINUTE, name: 'm' });
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)}h`;
  if (seconds < 8 * DAY) return twoUnits(seconds, { unit: DAY, name: 'd' }, { unit: HOUR, name: 'h' });
  if (seconds < 2 * YEAR) return `${Math.floor(seconds / DAY)}d`;
  if (seconds < 8 * YEAR) return twoUnits(seconds, { unit: YEAR, name: 'y' }, { unit: DAY, name: 'd' });
  return `${Math.floor(seconds / YEAR)}y`;
}

interface Unit {
  readonly unit: number;
  readonly name: string;
}

function twoUnits(seconds: number, large: Unit, small: Unit): string {
  const rest = Math.floor((seconds % large.unit) / small.unit);
  const head = `${Math.floor(seconds / large.unit)}${large.name}`;
  return rest === 0 ? head : `${head}${rest}${small.name}`;
}

/** How long ago the RFC 3339 time `text` was. */
export function since(text: JsonValue | undefined, now: number): string {
  const at = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? '<unknown>' : humanDuration(now - at);
}

/** The cell of the Age column. */
export function ageOf(object: JsonObject, now: number): string {
  return since(new Field('', object).at('metadata', 'creationTimestamp').value, now);
}
