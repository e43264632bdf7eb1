/** Notices when this process gets no time to run: it was stopped, or the machine is busy. */
import { sharedNow } from '../../test/support/shared-clock.js';
import type { Stall } from './events.js';

const BEAT = 20;
/** A beat that comes later than this after the one before is a stall, in ms. */
const LATE = 45;

/** Returns a function that ends it. Does not keep the process alive. */
export function watchStalls(who: string, record: (event: Stall) => void): () => void {
  let last = sharedNow();
  const timer = setInterval(() => {
    const at = sharedNow();
    if (at - last > LATE) record({ e: 'stall', who, from: last, at });
    last = at;
  }, BEAT);
  timer.unref();
  return () => clearInterval(timer);
}
