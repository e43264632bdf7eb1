/** The log of a module: Nest's logger, or a function of the application that gets structured log lines. */
import type { Logger } from '@nestjs/common';
import type { LockEvent } from '../core/events/events.js';
import type { LockLog, LockLogLine } from '../interfaces/lock-log-line.interface.js';

/** What the parts of the module use of Nest's logger. */
export type ModuleLogger = Pick<Logger, 'log' | 'warn' | 'error'>;

/** @returns the logger for texts. With a function as the log, the function gets them as log lines. */
export function moduleLogger(log: LockLog, logger: ModuleLogger): ModuleLogger {
  if (log === 'text') return logger;
  const write =
    (level: LockLogLine['level']) =>
    (message: string, error?: unknown): void => {
      log({ level, event: 'module', message, ...(error === undefined ? {} : { error }) });
    };
  return { log: write('log'), warn: write('warn'), error: write('error') };
}

/** Logs an event as text, or as a log line with the facts of the event. */
export function eventWriter(log: LockLog, logger: Pick<Logger, 'warn'>) {
  return (event: LockEvent, message: string): void => {
    if (log === 'text') logger.warn(message);
    else log(logLineOf(event, message));
  };
}

function logLineOf(event: LockEvent, message: string): LockLogLine {
  const { name, key, template, label, kind, waited, held, fence, owner, holder, waiting, processes } = event;
  const { reason, by, why, error } = event;
  const caller = { key, template, label, kind, waited };
  const holding = { held, fence, owner, holder, waiting, processes };
  const facts = { ...caller, ...holding, reason, by, why, error };
  const known = Object.entries(facts).filter(([, value]) => value !== undefined);
  return { level: 'warn', event: name, message, ...Object.fromEntries(known) };
}
