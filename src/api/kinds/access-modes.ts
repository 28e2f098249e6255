// Access modes of volumes and claims: what is accepted and how they are shown.
import type { Field } from './field.ts';
import type { Problems } from './problems.ts';

const SUPPORTED = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const SHORT: readonly (readonly [string, string])[] = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
];

/** At least one mode, each known, and ReadWriteOncePod alone. */
export function checkAccessModes(problems: Problems, modes: Field, whenNone: string): void {
  if (modes.size === 0) problems.required(modes, whenNone);
  for (const mode of modes.items) {
    if (!SUPPORTED.includes(mode.text)) problems.notSupported(mode, SUPPORTED);
  }
  const texts = modes.texts;
  if (texts.includes('ReadWriteOncePod') && texts.some((mode) => mode !== 'ReadWriteOncePod')) {
    problems.forbidden(modes, 'may not use ReadWriteOncePod with other access modes');
  }
}

/** `RWO,ROX`: always in this order, each once. */
export function shortAccessModes(modes: readonly string[]): string {
  return SHORT.filter(([mode]) => modes.includes(mode))
    .map(([, short]) => short)
    .join(',');
}
