// What the agent needs to know of the machine it runs on, as an effect: real in agent/real.

export interface MachineFacts {
  readonly cpuCount: number;
  readonly memoryBytes: bigint;
  /** Size of the file system that holds the kubelet root. */
  readonly ephemeralStorageBytes: bigint;
  readonly hostname: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly machineId: string;
  readonly systemUuid: string;
  /** Go's name: `amd64`, `arm64`. */
  readonly architecture: string;
}

export interface Machine {
  facts(kubeletRoot: string): Promise<MachineFacts>;
}
