// Log lines as JSON, through pino, to a file or to standard error. Only main makes one.
import { destination, pino, type Logger } from 'pino';
import type { Log, LogFields } from '../log.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** A log named `name`, appended to `file`, or to standard error without one. */
export function realLog(name: string, options: { readonly level: LogLevel; readonly file?: string }): Log {
  const target = destination(
    options.file === undefined
      ? { fd: 2, sync: true }
      : { dest: options.file, sync: true, mkdir: true, mode: 0o600 },
  );
  return wrap(pino({ name, level: options.level, base: { name } }, target));
}

function wrap(logger: Logger): Log {
  return {
    debug: (message, fields: LogFields = {}) => logger.debug(fields, message),
    info: (message, fields: LogFields = {}) => logger.info(fields, message),
    warn: (message, fields: LogFields = {}) => logger.warn(fields, message),
    error: (message, fields: LogFields = {}) => logger.error(fields, message),
    with: (fields) => wrap(logger.child(fields)),
  };
}
