// Options reach a file system joined by commas: one that holds a comma would be two (security: option injection).
import { HostError } from './host.ts';

/** Refuses an option that is empty or holds a comma or a control character. */
export function checkMountOptions(target: string, options: readonly string[]): void {
  for (const option of options) {
    const isPlain = [...option].every((char) => char > '\u001f' && char !== '\u007f' && char !== ',');
    if (option !== '' && isPlain) continue;
    throw new HostError({
      code: 'EINVAL',
      syscall: 'mount',
      path: target,
      // The option itself is not repeated: mount options can hold secrets.
      message: `Cannot mount at ${JSON.stringify(target)}: an option is empty or holds a comma or control character`,
    });
  }
}
