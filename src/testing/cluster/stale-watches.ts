// Sieve's patterns for caches: the watches of one resource stand still for a while; afterwards they either tell what
// happened meanwhile, or break, so that whoever watches lists anew and never sees what was there only in between.
import type { ApiHandler } from '#api/request.ts';

export interface StaleWatch {
  /** The plural of the resource that is not seen. */
  readonly plural: string;
  /** After how many effects it begins. */
  readonly after: number;
  readonly ms: number;
  /** `late`: told afterwards. `unseen`: the watch breaks, the state is listed anew. */
  readonly then: 'late' | 'unseen';
}

export interface Freezer {
  /** The end of the freeze; undefined when it has not begun. */
  hold(): Promise<void> | undefined;
}

/** `handler` whose watches of one resource are stale for a while, once. */
export function staleWatches(
  handler: ApiHandler,
  { plural, then }: StaleWatch,
  freezer: Freezer,
): ApiHandler {
  return async (request) => {
    const response = await handler(request);
    const [path = '', query = ''] = request.path.split('?');
    const isWatch = request.method === 'GET' && /(^|&)watch=(true|1)/.test(query);
    const { body } = response;
    if (!isWatch || !path.endsWith(`/${plural}`) || body instanceof Uint8Array) return response;
    return { ...response, body: held(body, then, freezer) };
  };
}

async function* held(
  frames: AsyncIterable<Uint8Array>,
  then: StaleWatch['then'],
  freezer: Freezer,
): AsyncGenerator<Uint8Array> {
  let wasFrozen = freezer.hold() !== undefined;
  for await (const frame of frames) {
    const thaws = wasFrozen ? undefined : freezer.hold();
    if (thaws !== undefined) {
      wasFrozen = true;
      await thaws;
      if (then === 'unseen') throw new Error('the watch broke');
    }
    yield frame;
  }
}
