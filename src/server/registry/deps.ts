// What the registry needs, and the names of things every verb speaks of.
import type { UserInfo } from '#api/request.ts';
import type { Clock } from '#base/clock.ts';
import type { Random } from '#base/random.ts';
import type { Store } from '#store/store.ts';
import type { Admission } from '../admit/admission-rule.ts';
import type { StoredObject } from '../watch-cache/stored-object.ts';
import type { Turns } from './turns.ts';
import type { WatchCache } from '../watch-cache/watch-cache.ts';

export interface RegistryDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly cache: WatchCache;
  readonly admission: Admission;
  readonly turns: Turns;
}

export interface WriteOptions {
  readonly user: UserInfo;
  /** Everything but the commit. */
  readonly dryRun: boolean;
}

export interface Written {
  readonly stored: StoredObject;
  readonly warnings: readonly string[];
}
