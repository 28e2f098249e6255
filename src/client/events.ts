// Recording Kubernetes Events about an object: equal events within a while become one with a count.
import type { ApiObject } from '#api/object.ts';

export interface EventRecorder {
  /** Never rejects and never blocks the loop: events are best effort and bounded. */
  record(
    about: ApiObject,
    event: {
      readonly type: 'Normal' | 'Warning';
      readonly reason: string;
      readonly message: string;
      /** The part of the object that it is about: `spec.containers{main}`. */
      readonly fieldPath?: string;
    },
  ): void;
}
