/** Notices when this process gets no time to run, because it is stopped or the machine is busy. */
import { sharedNow } from '../../test/support/shared-clock.js';
import type { Stall } from './events.js';

const BEAT = 20;
/** A beat that is later than this after the beat before shows a stall, in ms. */
const LATE = 45;

/** @returns a function that ends the watch. The watch does not keep the process alive. */
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
