/** Logs lost locks, long holds, releases by force and a failing store. */
import type { Logger } from '@nestjs/common';
import type { LockEvent, LockEventSink } from '../core/events/events.js';
import { printable, quoted } from '../errors/index.js';

/** The time in which an equal failure of the store is not logged again, in ms. */
const REPEAT_AFTER = 60_000;

/**
 * @param known whether a failure of the store is known and logged already, for example because its connection is down.
 */
export function logEvents(logger: Pick<Logger, 'warn'>, known: () => boolean): LockEventSink {
  const storeFailed = logStoreErrors(logger, known);
  return (event) => {
    if (event.name === 'lost') logger.warn(messageOf(event.error));
    else if (event.name === 'long-hold') logger.warn(longHold(event));
    else if (event.name === 'force-release') logger.warn(forceRelease(event));
    else if (event.name === 'store-error') storeFailed(messageOf(event.error));
  };
}

/** Each caller gets an error of its own, but the log gets an equal message only once a minute. */
function logStoreErrors(logger: Pick<Logger, 'warn'>, known: () => boolean): (message: string) => void {
  let last = '';
  let loggedAt = -Infinity;
  return (message) => {
    const now = performance.now();
    if (known() || (message === last && now - loggedAt < REPEAT_AFTER)) return;
    [last, loggedAt] = [message, now];
    logger.warn(message);
  };
}

function longHold({ key, held, site }: LockEvent): string {
  const taken = site === undefined ? '' : `\nTaken ${site.replace(/^.*?\n\s*/s, '')}`;
  return (
    `The lock ${quoted(key ?? '')} has been held for ${Math.round((held ?? 0) / 1000)} s. ` +
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

/** The message of an error. A store that the application wrote may throw errors with any text. */
function messageOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error));
}
