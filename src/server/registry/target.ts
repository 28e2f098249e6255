// Names one object, or the place where one will be.
import type { KindDefinition } from '#api/kind.ts';

/** One object of a kind. */
export interface Target {
  readonly definition: KindDefinition;
  /** Undefined for a cluster-scoped kind. */
  readonly namespace: string | undefined;
  readonly name: string;
}
