// One log line a call: its method, the fields of the allow-list, and how it ended. Failures become CsiErrors here.
import type { Log } from '#base/log.ts';
import { loggableFields } from '#csi/redaction.ts';
import type { CsiMethodName } from '#csi/services.ts';
import { csiErrorOf } from './failures.ts';

type AnyHandler = (request: object, signal: AbortSignal) => Promise<object>;

// Asked for all the time; a line each would hide the others.
const QUIET: ReadonlySet<string> = new Set([
  'probe',
  'getPluginInfo',
  'getPluginCapabilities',
  'controllerGetCapabilities',
  'nodeGetCapabilities',
  'nodeGetVolumeStats',
  'listVolumes',
  'listSnapshots',
  'groupControllerGetCapabilities',
  'getCapacity',
]);

/** The same handlers, each call logged. */
export function logged<H extends object>(log: Log, handlers: H): H {
  const entries = Object.entries(handlers).map(([method, handler]): [string, AnyHandler] => [
    method,
    async (request, signal) => {
      // Names of the record are the methods of its type.
      const fields = { method, ...loggableFields(method as CsiMethodName, request) };
      try {
        const reply = await (handler as AnyHandler)(request, signal);
        if (QUIET.has(method)) log.debug('call answered', fields);
        else log.info('call answered', fields);
        return reply;
      } catch (error) {
        const failure = csiErrorOf(error);
        log.warn('call failed', { ...fields, code: failure.code, error: failure.message });
        throw failure;
      }
    },
  ]);
  return Object.fromEntries(entries) as H;
}
