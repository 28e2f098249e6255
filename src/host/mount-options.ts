// Options reach a file system joined by commas: one that holds a comma would be two (security: option injection).
import { HostError } from './host.ts';

/** Refuses an option that is empty or holds a comma or a control character. */
export function checkMountOptions(target: string, options: readonly string[]): void {
  for (const option of options) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
    if (option !== '' && !/[,\u0000-\u001f\u007f]/.test(option)) continue;
    throw new HostError({
      code: 'EINVAL',
      syscall: 'mount',
      path: target,
      // The option itself is not repeated: mount options can hold secrets.
      message: `Cannot mount at ${JSON.stringify(target)}: an option is empty or holds a comma or control character`,
    });
  }
}
