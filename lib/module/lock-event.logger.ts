/** What is worth a line in the log: lost locks, long holds, a failing store. */
import type { Logger } from '@nestjs/common';
import type { LockEvent, LockEventSink } from '../core/events/events.js';
import { printable, quoted } from '../errors/index.js';

/** How long the same failure of the store is not logged again, in ms. */
const QUIET = 60_000;

/** @param known is a failure of the store known and logged already, as when its connection is down? */
export function logEvents(logger: Pick<Logger, 'warn'>, known: () => boolean): LockEventSink {
  const storeFailed = logStoreErrors(logger, known);
  return (event) => {
    if (event.name === 'lost') logger.warn(messageOf(event.error));
    else if (event.name === 'long-hold') logger.warn(longHold(event));
    else if (event.name === 'store-error') storeFailed(messageOf(event.error));
  };
}

/** Each caller gets its error; the log gets one of a kind a minute. */
function logStoreErrors(logger: Pick<Logger, 'warn'>, known: () => boolean): (message: string) => void {
  let last = '';
  let loggedAt = -Infinity;
  return (message) => {
    const now = performance.now();
    if (known() || (message === last && now - loggedAt < QUIET)) return;
    [last, loggedAt] = [message, now];
    logger.warn(message);
  };
}

function longHold({ key, held, site }: LockEvent): string {
  const taken = site === undefined ? '' : `\nTaken ${site.replace(/^.*?\n\s*/s, '')}`;
  return (
    `The lock ${quoted(key ?? '')} has been held for ${Math.round((held ?? 0) / 1000)} s. ` +
    `Look for work that hangs, give it "maxHold", or raise the module's "longHold".${taken}`
  );
}

/** An error of a store of the application's own may have any text. */
function messageOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error));
}
