// What the command line may do to the world. main makes it; tests make a simulated one.
import type { Clock } from '#base/clock.ts';
import type { Log } from '#base/log.ts';
import type { Random } from '#base/random.ts';
import type { CsiConnection } from '#csi/client.ts';
import type { Files } from '#files/files.ts';
import type { Daemons } from '#host/daemons.ts';
import type { MachineDifference, MachineObserver, MachineState } from '#host/machine-state.ts';
import { compareMachine } from '#host/machine-state.ts';
import type { HttpTransport } from '#transport/http.ts';
import type { ControlPlaneEffects, SupervisorEffects } from './effects.ts';
import type { LoopEffects } from './remote-loops.ts';

export type { Daemon } from '#host/daemons.ts';
export type { MachineDifference, MachineState };
export { compareMachine };

/** Where a command prints. */
export interface Terminal {
  readonly isTerminal: boolean;
  write(text: string): void;
  writeError(text: string): void;
}

export interface CliEffects {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly terminal: Terminal;
  readonly files: Files;
  readonly http: HttpTransport;
  readonly daemons: Daemons;
  readonly machine: MachineObserver;
  /** Aborts on Ctrl-C or SIGTERM. */
  readonly interrupted: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly isRoot: boolean;
  /** Absolute form of a path given on the command line. */
  absolute(path: string): string;
  /** The checkout or installation, for examples. */
  readonly home: string;
  /** The command line that starts this program again. */
  readonly self: { readonly program: string; readonly args: readonly string[] };
  /** kill -9 of one process. */
  kill(pid: number): void;
  /** A new directory below the machine's place for temporary files. */
  temporaryDirectory(): Promise<string>;
  /** Removes a directory that temporaryDirectory made, through host/remove-owned-tree. */
  removeTemporary(path: string): Promise<void>;
  /** Connects to a CSI driver's socket: a path, or `unix:///path`. */
  connectDriver(socket: string): Promise<CsiConnection>;
  /** The effects of loops that run alone, with their log on standard error. */
  loops(): Promise<LoopEffects>;
  /** The effects of the control plane with its log in `logFile`: loaded only when a command needs them. */
  controlPlane(
    logFile: string,
  ): Promise<{ readonly control: ControlPlaneEffects; readonly supervisor: SupervisorEffects }>;
}
