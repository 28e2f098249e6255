// List: the newest state from the cache, an older one from the store, page by page at one revision. The body is joined
// from the bytes each object already has.
import type { KindDefinition } from '#api/kind.ts';
import { expired, tooLargeResourceVersion } from '#api/status.ts';
import { prefixEnd } from '#store/store.ts';
import type { ObjectSelector } from '../watch-cache/object-selector.ts';
import { type StoredObject, storedObject } from '../watch-cache/stored-object.ts';
import { encodeContinue, ExpiredContinueError, NEWEST } from './continue-token.ts';
import type { RegistryDeps } from './deps.ts';
import { kindPrefix } from './keys.ts';
import type { ListPlan } from './list-options.ts';

export interface ListPage {
  readonly revision: number;
  readonly items: readonly StoredObject[];
  /** The token of the next page. */
  readonly next: string | undefined;
  /** Known only when nothing was filtered. */
  readonly remaining: number | undefined;
}

/** What is asked of the keys: where to begin, where to end, which objects, how many. */
interface Span {
  readonly prefix: string;
  readonly start: string;
  readonly end: string;
  readonly selector: ObjectSelector;
  readonly limit: number;
}

/** Entries read from the store at a time when a selector may leave most of them out. */
const STORE_PAGE = 500;

export async function listObjects(
  deps: RegistryDeps,
  definition: KindDefinition,
  selector: ObjectSelector,
  plan: ListPlan,
): Promise<ListPage> {
  const prefix = kindPrefix(definition.resource, selector.namespace);
  const whole = { prefix, start: prefix, end: prefixEnd(prefix), selector, limit: plan.limit };
  switch (plan.kind) {
    case 'newest':
      await reachRevision(deps, plan.atLeast);
      return listNewest(deps, definition, whole);
    case 'exact':
      return listAt(deps, whole, plan.revision, () =>
        expired('The resourceVersion for the provided list is too old.'),
      );
    case 'continue': {
      const { revision, start } = plan.token;
      const rest = { ...whole, start: prefix + start };
      if (revision !== NEWEST) return listAt(deps, rest, revision, () => new ExpiredContinueError(start));
      await deps.cache.fresh();
      return listNewest(deps, definition, rest);
    }
  }
}

/** Waits for what the store has committed and for `atLeast`. Throws 504 when that revision does not come. */
export async function reachRevision(deps: RegistryDeps, atLeast: number): Promise<void> {
  await deps.cache.fresh();
  if (!(await deps.cache.reach(atLeast))) throw tooLargeResourceVersion(atLeast, deps.cache.revision);
}

function listNewest(deps: RegistryDeps, definition: KindDefinition, span: Span): ListPage {
  const { revision } = deps.cache;
  const items: StoredObject[] = [];
  let beyond = 0;
  for (const stored of deps.cache.kind(definition).range(span.start, span.end)) {
    if (!span.selector.matches(stored)) continue;
    if (span.limit === 0 || items.length < span.limit) items.push(stored);
    else beyond += 1;
    if (beyond > 0 && !span.selector.everything) break;
  }
  return page(span, revision, items, beyond);
}

async function listAt(
  deps: RegistryDeps,
  span: Span,
  revision: number,
  gone: () => Error,
): Promise<ListPage> {
  const items: StoredObject[] = [];
  const limit = span.limit === 0 ? Number.POSITIVE_INFINITY : span.limit;
  let { start } = span;
  for (;;) {
    const result = await deps.store.range({ start, end: span.end, revision, limit: STORE_PAGE });
    if (result.kind === 'compacted') throw gone();
    if (result.kind === 'future') throw tooLargeResourceVersion(revision, result.newest);
    for (const [index, entry] of result.items.entries()) {
      const stored = storedObject(entry);
      if (stored === undefined || !span.selector.matches(stored)) continue;
      if (items.length >= limit) {
        return page(span, revision, items, result.remaining + result.items.length - index);
      }
      items.push(stored);
    }
    const last = result.items.at(-1);
    if (result.remaining === 0 || last === undefined) return page(span, revision, items, 0);
    start = `${last.key}\0`;
  }
}

function page(span: Span, revision: number, items: readonly StoredObject[], beyond: number): ListPage {
  const last = items.at(-1);
  if (beyond === 0 || last === undefined) return { revision, items, next: undefined, remaining: undefined };
  const start = `${last.key.slice(span.prefix.length)}\0`;
  return {
    revision,
    items,
    next: encodeContinue({ revision, start }),
    remaining: span.selector.everything ? beyond : undefined,
  };
}
