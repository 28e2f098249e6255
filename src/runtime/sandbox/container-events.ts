// Container events for whoever streams them. A subscriber that falls behind is cut off, not waited for (law 8); it
// lists and subscribes again.
import { GrpcError } from '#transport/grpc.ts';
import type { ContainerEventResponse } from '../generated/cri.ts';

const MAX_WAITING = 1000;

export class ContainerEvents {
  readonly #subscribers = new Set<(event: ContainerEventResponse) => void>();

  emit(event: ContainerEventResponse): void {
    for (const subscriber of this.#subscribers) subscriber(event);
  }

  async *subscribe(signal: AbortSignal): AsyncGenerator<ContainerEventResponse> {
    const waiting: ContainerEventResponse[] = [];
    let isTooSlow = false;
    let wake: () => void = () => undefined;
    const receive = (event: ContainerEventResponse): void => {
      if (waiting.length < MAX_WAITING) waiting.push(event);
      else isTooSlow = true;
      wake();
    };
    const stop = (): void => wake();
    this.#subscribers.add(receive);
    signal.addEventListener('abort', stop);
    try {
      while (!signal.aborted) {
        if (isTooSlow)
          throw new GrpcError('RESOURCE_EXHAUSTED', 'Cannot stream events: the reader is too slow');
        const event = waiting.shift();
        if (event !== undefined) yield event;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
            if (waiting.length > 0 || signal.aborted) resolve();
          });
        }
      }
    } finally {
      this.#subscribers.delete(receive);
      signal.removeEventListener('abort', stop);
    }
  }
}
