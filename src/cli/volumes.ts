// `holdfast volumes orphaned`: what a driver has and nobody knows.
import { formatBytes } from '#api/quantity.ts';
import type { CliEffects } from '#compose/cli-effects.ts';
import { layoutOf } from '#compose/layout.ts';
import { findOrphanedVolumes, type OrphanReport } from '#compose/orphaned-volumes.ts';
import { connectApi } from './connect-api.ts';
import { CommandError, EXIT } from './exit-codes.ts';

export interface OrphanedOptions {
  readonly dataDir: string;
  readonly kubeconfig?: string;
  readonly driver?: string;
  readonly output: 'table' | 'json';
}

// A driver with many volumes may take long; one that does not answer at all is told of soon.
const CALL_MS = 30_000;

/** Prints the report. Returns the exit code: 0 also when there are orphans, since looking succeeded. */
export async function runVolumesOrphaned(effects: CliEffects, options: OrphanedOptions): Promise<number> {
  const layout = layoutOf(effects.absolute(options.dataDir));
  const socket = options.driver ?? layout.diskControllerSocket;
  const path = options.kubeconfig === undefined ? layout.kubeconfig : effects.absolute(options.kubeconfig);
  await using server = await connectApi(effects, path);
  await using connection = await effects.connectDriver(socket);
  const deps = { clock: effects.clock, log: effects.log, timeoutMs: CALL_MS };
  const result = await findOrphanedVolumes(server.api, connection, deps, effects.interrupted);
  if (result.kind === 'refused') {
    throw new CommandError(
      EXIT.unavailable,
      `Cannot list the volumes behind "${socket}": ${result.because}: give the controller socket of a running ` +
        'driver with --driver',
    );
  }
  const { report } = result;
  effects.terminal.write(
    options.output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : tableOf(report),
  );
  return EXIT.done;
}

/** The report for a person. */
export function tableOf({ driver, listed, orphaned, openIntents }: OrphanReport): string {
  if (orphaned.length === 0) return `Driver ${driver}: no orphaned volume among ${listed}.\n`;
  const rows = [
    ['VOLUME', 'CAPACITY', 'PUBLISHED ON'],
    ...orphaned.map(({ volumeId, capacityBytes, publishedNodeIds }) => [
      printable(volumeId),
      capacityBytes === '0' ? '<unknown>' : formatBytes(BigInt(capacityBytes)),
      publishedNodeIds.length === 0 ? '<none>' : publishedNodeIds.map(printable).join(','),
    ]),
  ];
  const widths = [0, 1, 2].map((at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('   ')
      .trimEnd(),
  );
  const noun = orphaned.length === 1 ? 'volume' : 'volumes';
  const head = `Driver ${driver}: ${orphaned.length} orphaned ${noun} among ${listed}.\n`;
  return `${head}${lines.join('\n')}\n${hintOf(openIntents)}`;
}

function hintOf(openIntents: readonly string[]): string {
  if (openIntents.length === 0) return '';
  return (
    `Some may belong to provisioning that is under way and will be found again: ${openIntents.join(', ')}.\n` +
    'Look again before you delete anything.\n'
  );
}

/** An ID comes from a driver: control characters never reach a terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}
