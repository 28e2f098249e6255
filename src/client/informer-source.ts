// Makes and shares informers: one cache and one watch per resource type, however many loops ask for it.
import type { ApiObject, ResourceType } from '#api/object.ts';
import { type FollowDeps, followResource } from './follow-resource.ts';
import type { Indexes, Informer, InformerSource } from './informer.ts';
import { SharedInformer } from './shared-informer.ts';

/** A source whose informers follow the server that `deps.api` talks to, once it runs. */
export function createInformerSource(deps: FollowDeps): InformerSource {
  return new SharedInformers(deps);
}

/** One resource type; its object type is known where it was asked for. */
interface Following {
  readonly shared: unknown;
  whenSynced(signal: AbortSignal): Promise<void>;
  run(signal: AbortSignal): Promise<void>;
}

class SharedInformers implements InformerSource {
  readonly #deps: FollowDeps;
  readonly #following = new Map<string, Following>();
  #start: ((following: Following) => void) | undefined;

  constructor(deps: FollowDeps) {
    this.#deps = deps;
  }

  informer<T extends ApiObject>(type: ResourceType<T>, indexes: Indexes<T> = {}): Informer<T> {
    return this.#shared(type).view(indexes);
  }

  /** Informers asked for later are started at once. Resolves when all have stopped. */
  async run(signal: AbortSignal): Promise<void> {
    const running = new Set<Promise<void>>();
    this.#start = (following) => running.add(following.run(signal));
    for (const following of this.#following.values()) this.#start(following);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#start = undefined;
    await Promise.all(running);
  }

  async whenAllSynced(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#following.values()].map((following) => following.whenSynced(signal)));
  }

  #shared<T extends ApiObject>(type: ResourceType<T>): SharedInformer<T> {
    const key = `${type.group}/${type.version}/${type.plural}`;
    const found = this.#following.get(key);
    // The key names the resource type, and a resource type has one object type.
    if (found !== undefined) return found.shared as SharedInformer<T>;
    const shared = new SharedInformer(type, this.#deps.log);
    const following: Following = {
      shared,
      whenSynced: (signal) => shared.whenSynced(signal),
      run: (signal) => followResource(shared, this.#deps, signal),
    };
    this.#following.set(key, following);
    this.#start?.(following);
    return shared;
  }
}
