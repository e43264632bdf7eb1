/** A process that is one session, or several one after the other. Its events go to a file, which outlives the process. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { serve } from '../../test/support/child-worker.js';
import { compute } from '../../test/support/computation.js';
import { sharedNow } from '../../test/support/shared-clock.js';
import type { FuzzEvent } from './events.js';
import { Session, type SessionPlace } from './session.js';
import { watchStalls } from './stalls.js';

export type FuzzHandlers = typeof handlers;

let session: Session | undefined;
let file: number | undefined;
let endWatch: () => void = () => undefined;

/** The event is written before the call returns, so a SIGKILL loses no event. */
function record(event: FuzzEvent): void {
  if (file !== undefined) writeSync(file, `${JSON.stringify(event)}\n`);
}

process.on('unhandledRejection', (reason) =>
  record({ e: 'odd', at: sharedNow(), what: `an unhandled rejection: ${String(reason)}` }),
);
process.on('uncaughtExceptionMonitor', (error) =>
  record({ e: 'odd', at: sharedNow(), what: `an uncaught exception: ${error.stack}` }),
);

async function close(): Promise<void> {
  await session?.close();
  session = undefined;
  endWatch();
}

function endFile(): void {
  if (file !== undefined) closeSync(file);
  file = undefined;
}

export const handlers = serve({
  open(place: SessionPlace, log: string): void {
    endFile();
    file = openSync(log, 'a');
    endWatch = watchStalls(place.name, record);
    session = new Session(place, record);
  },
  async run(until: number, from: readonly number[]): Promise<void> {
    await session?.run(until, from);
  },
  compute(ms: number): void {
    compute(ms);
  },
  keyCount(): number {
    return session?.keyCount ?? 0;
  },
  /** Another session may be opened afterwards. */
  async close(): Promise<void> {
    await close();
    endFile();
  },
  /** Node ends the process when nothing keeps it alive. */
  async finish(): Promise<void> {
    await close();
    process.channel?.unref();
  },
});
