// What travels between the sandbox process and its namespace threads. Descriptors are numbers: both are one process.
import type { MountStep } from '../mount-plan.ts';
import type { Command } from '../processes.ts';

/** The worker data that tells an entry module that it runs as a namespace thread. */
export const NAMESPACE_THREAD = 'holdfast-namespace-thread';

/** Sent to a thread whose command shall be killed. */
export const KILL = 'kill';

/** Stands in a command line for the name of a terminal that does not exist yet. */
export const TTY_PLACE = 'holdfast-tty-place';

export interface StandardDescriptors {
  readonly out: number;
  readonly err: number;
  readonly input: number | undefined;
}

export type ThreadRequest =
  | { readonly kind: 'pod'; readonly hostname: string; readonly command: Command }
  | {
      readonly kind: 'container';
      /** A pidfd of the pod's process. */
      readonly podFd: number;
      readonly steps: readonly MountStep[];
      readonly command: Command;
      /** Init's command line; TTY_PLACE stands for the terminal's name. */
      readonly initArguments: readonly string[];
      readonly environmentScript: string;
      readonly tty: boolean;
      readonly descriptors: StandardDescriptors & { readonly life: number; readonly control: number };
    }
  | {
      readonly kind: 'exec';
      /** A pidfd of the container's init. */
      readonly initFd: number;
      readonly command: Command;
      readonly tty: boolean;
      readonly descriptors: StandardDescriptors;
    };

export type ThreadReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'started'; readonly pid: number; readonly terminal: number | undefined }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'exited'; readonly exitCode: number };
