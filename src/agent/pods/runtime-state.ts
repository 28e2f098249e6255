// What the runtime says about one pod, as plain data: its sandboxes and container runs, newest first.

export interface SandboxRun {
  readonly id: string;
  readonly attempt: number;
  readonly isReady: boolean;
  readonly ip: string;
}

export interface ContainerRun {
  readonly id: string;
  readonly name: string;
  readonly attempt: number;
  readonly sandboxId: string;
  readonly state: 'created' | 'running' | 'exited' | 'unknown';
  /** Epoch milliseconds; 0 when it has not happened. */
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  /** Empty: the runtime used no image. */
  readonly imageRef: string;
  readonly imageId: string;
}

export interface PodRuntime {
  readonly sandboxes: readonly SandboxRun[];
  readonly runs: readonly ContainerRun[];
}

/** The newest run of a container. */
export function latestRun({ runs }: PodRuntime, container: string): ContainerRun | undefined {
  return runs.find((run) => run.name === container);
}
