// The command line of a daemon process: every option is named, required unless it has a default, and may be repeated.
import { parseArgs } from 'node:util';

export interface DaemonOptions {
  /** Throws with the option's name when it is missing. */
  required(name: string): string;
  optional(name: string): string | undefined;
  all(name: string): readonly string[];
}

/** Reads `--name value` options; an unknown one stops the process with a message. */
export function daemonOptions(process: string, names: readonly string[]): DaemonOptions {
  const { values } = parseArgs({
    options: Object.fromEntries(names.map((name) => [name, { type: 'string', multiple: true } as const])),
    strict: true,
  });
  const all = (name: string): readonly string[] => values[name] ?? [];
  return {
    all,
    optional: (name) => all(name).at(-1),
    required(name) {
      const value = all(name).at(-1);
      if (value === undefined) throw new Error(`holdfast ${process}: option --${name} is missing`);
      return value;
    },
  };
}
