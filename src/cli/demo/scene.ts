// What every act of the demo has at hand.
import type { ApiClient } from '#client/api-client.ts';
import type { CliEffects } from '#compose/cli-effects.ts';
import type { Layout } from '#compose/layout.ts';
import type { Timeline } from './timeline.ts';
import type { Waiter } from './wait-for.ts';

export { Timeline } from './timeline.ts';

export interface Scene {
  readonly effects: CliEffects;
  readonly timeline: Timeline;
  readonly waiter: Waiter;
  readonly layout: Layout;
  readonly api: ApiClient;
}

/** The volume the acts follow. */
export interface DemoVolume {
  /** The PersistentVolume's name. */
  readonly name: string;
  readonly handle: string;
}

export const CLAIM = { namespace: 'default', name: 'data' };
export const POD = { namespace: 'default', name: 'writer' };
