// Finds the container's main process on this machine, as an operator with ps would.
import type { CliEffects } from '#compose/cli-effects.ts';
import { CommandError, EXIT } from '../exit-codes.ts';

/**
 * The process id of the oldest shell whose script holds `text` and whose environment names the pod: another Holdfast
 * on this machine may run the same script.
 */
export async function containerProcess(effects: CliEffects, text: string, podUid: string): Promise<number> {
  const decoder = new TextDecoder();
  const found: number[] = [];
  for (const name of await effects.files.list('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // A process may end while we look.
    const bytes = await effects.files.read(`/proc/${name}/cmdline`).catch(() => undefined);
    const [program = '', flag = '', script = ''] = decoder.decode(bytes ?? new Uint8Array()).split('\0');
    if (!/(^|\/)sh$/.test(program) || flag !== '-c' || !script.includes(text)) continue;
    const environment = await effects.files.read(`/proc/${name}/environ`).catch(() => undefined);
    const variables = decoder.decode(environment ?? new Uint8Array()).split('\0');
    if (variables.includes(`POD_UID=${podUid}`)) found.push(Number(name));
  }
  const [oldest] = found.sort((a, b) => a - b);
  if (oldest === undefined)
    throw new CommandError(EXIT.failed, 'Cannot find the container among the processes');
  return oldest;
}
