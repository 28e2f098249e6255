// Times as printer columns show them: `5m`, `3d4h`, `<unknown>`.
import { humanDuration } from '../human-duration.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { rootOf } from './field.ts';

/** How long ago the RFC 3339 time `text` was. */
export function since(text: JsonValue | undefined, now: number): string {
  const at = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? '<unknown>' : humanDuration(now - at);
}

/** The cell of the Age column. */
export function ageOf(object: JsonObject, now: number): string {
  return since(rootOf(object).at('metadata', 'creationTimestamp').value, now);
}
