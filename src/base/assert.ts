// Programmer errors: a broken invariant stops the pass it happens in (in the store, the process).

/** Thrown when an invariant of our own code is broken. Never thrown for bad input or a failed operation. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Stops the pass with `sentence`, which says what must hold, when `condition` does not hold. */
export function assert(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new InvariantError(sentence);
}

/** Closes a switch over a union: a forgotten case is a compile error here. */
export function assertNever(value: never): never {
  throw new InvariantError(`unreachable: unexpected case ${JSON.stringify(value)}`);
}
