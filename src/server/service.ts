// What the server runs in the background, in the form that compose starts everything in.

/** A running part. `run` resolves when the signal aborts; a rejection means the process must stop. */
export interface Service {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}
