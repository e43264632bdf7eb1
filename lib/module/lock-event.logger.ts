/** Logs lost locks, long holds, releases by force and a failing store. */
import type { Logger } from '@nestjs/common';
import type { LockEvent, LockEventSink } from '../core/events/events.js';
import type { LockLog } from '../interfaces/lock-log-line.interface.js';
import { eventWriter } from './module-log.js';
import { printable, quoted } from '../errors/index.js';

/** The time in which an equal failure of the store is not logged again, in ms. */
const REPEAT_AFTER = 60_000;

/**
 * @param known whether a failure of the store is known and logged already, for example because its connection is down.
 */
export function logEvents(
  logger: Pick<Logger, 'warn'>,
  known: () => boolean,
  log: LockLog = 'text',
): LockEventSink {
  const write = eventWriter(log, logger);
  const repeated = repeatedStoreErrors(known);
  return (event) => {
    if (event.name === 'lost') write(event, messageOf(event.error));
    else if (event.name === 'long-hold') write(event, longHold(event));
    else if (event.name === 'force-release') write(event, forceRelease(event));
    else if (event.name === 'wait-failed') write(event, waitFailed(event));
    else if (event.name === 'store-error') {
      const message = messageOf(event.error);
      if (!repeated(message)) write(event, message);
    }
  };
}

/** Each caller gets an error of its own, but the log gets an equal message only once a minute. */
function repeatedStoreErrors(known: () => boolean): (message: string) => boolean {
  let last = '';
  let loggedAt = -Infinity;
  return (message) => {
    const now = performance.now();
    if (known() || (message === last && now - loggedAt < REPEAT_AFTER)) return true;
    [last, loggedAt] = [message, now];
    return false;
  };
}

function longHold({ key, held, label, site }: LockEvent): string {
  const taken = site === undefined ? '' : `\nTaken ${site.trimStart()}`;
  const by = label === undefined ? '' : ` by ${printable(label)}`;
  return (
    `The lock ${quoted(key ?? '')} has been held for ${span(held ?? 0)}${by}. ` +
    `Find work that hangs, set "maxHold" for it, or raise the module's "longHold".${taken}`
  );
}

function forceRelease({ key = '', by = '', why, owner }: LockEvent): string {
  const reason = why === undefined ? '' : ` (${quoted(why)})`;
  const here = owner === undefined ? ', which held it here' : ` from ${quoted(owner)}`;
  return (
    `${quoted(by)} has released the lock ${quoted(key)} by force${here}${reason}. ` +
    'The work of the holder goes on. Only a fence keeps it from writing.'
  );
}

function waitFailed({
  key = '',
  waited = 0,
  held,
  owner = '',
  holder,
  waiting = 0,
  processes = 0,
}: LockEvent): string {
  const begin = `Waited ${span(waited)} in vain for the lock ${quoted(key)}: `;
  if (holder === undefined) return `${begin}it is free by now. Raise "wait" if its holders need longer.`;
  const { label, site, answered, remaining } = holder;
  const named = label === undefined ? quoted(owner) : `${printable(label)} on ${quoted(owner)}`;
  const left =
    remaining === Infinity
      ? 'without an expiry, so it is no lock of this library, and a longer "wait" does not help'
      : `for ${span(remaining)} more, unless it is renewed`;
  const facts =
    held === undefined
      ? `${named} holds it ${left}${answered ? '' : ', and does not answer'}`
      : `${named} has held it for ${span(held)}`;
  const others = `${waiting} ${waiting === 1 ? 'caller waits' : 'callers wait'} in ${processes} ${processes === 1 ? 'process' : 'processes'}`;
  return `${begin}${facts}; ${others}.${site === undefined ? '' : ` Taken at ${printable(site)}`}`;
}

/** A time of less than a second is shown in ms. */
function span(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return `${ms < 10_000 ? Math.round(ms / 100) / 10 : Math.round(ms / 1_000)} s`;
}

/** The message of an error. A store that the application wrote may throw errors with any text. */
function messageOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error));
}
