// Connections that probes make, as an effect: real in agent/real. Each rejects when its deadline passes.

export interface ProbeDialer {
  /** GET; gives the status and reads nothing more. Certificates are not verified, as the kubelet does not. */
  get(request: {
    readonly isTls: boolean;
    readonly host: string;
    readonly port: number;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly timeoutMs: number;
  }): Promise<number>;
  /** Connects and closes. */
  connect(request: {
    readonly host: string;
    readonly port: number;
    readonly timeoutMs: number;
  }): Promise<void>;
}
