/**
 * Sends 400 buyers to several instances of the ticket office at once, first without the lock and then with the lock.
 * Prints both outcomes side by side, and exits with 0 only if the run with the lock had no fault.
 */
import { openStorage } from '../storage/open-storage.js';
import { type Buyers, sendBuyers } from './buyers.js';
import { type Instance, startInstances } from './instances.js';
import { faultsOf } from './outcome.js';
import { outcomeTable } from './outcome.table.js';

const INSTANCES = 4;
const SEATS = 100;
const BUYERS = 400;

/** The longest time of the whole storm, in ms. A request without a response by then counts as a failure. */
const TIME_LIMIT = 27_000;

process.exitCode = await storm(AbortSignal.timeout(TIME_LIMIT));

async function storm(signal: AbortSignal): Promise<number> {
  const storage = await openStorage(process.env);
  if (storage.kind === 'memory') {
    console.error(
      'The storm needs a Redis that its instances share: put redis-server or valkey-server on PATH, or set REDIS_URL.',
    );
    return 1;
  }
  let instances: readonly Instance[] = [];
  try {
    instances = await startInstances(INSTANCES, storage.url);
    const redis = storage.kind === 'private' ? `a private ${storage.program}` : 'the Redis of REDIS_URL';
    console.log(`${BUYERS} buyers, ${SEATS} seats, ${INSTANCES} processes, on ${redis}\n`);
    const buyers: Omit<Buyers, 'event' | 'lock'> = {
      count: BUYERS,
      seats: SEATS,
      offices: instances.map(({ url }) => url),
      signal,
    };
    const unlocked = await sendBuyers({ ...buyers, event: 'storm-without-lock', lock: 'off' });
    const locked = await sendBuyers({ ...buyers, event: 'storm-with-lock', lock: 'on' });
    console.log(outcomeTable([unlocked, locked], ['without the lock', 'with the lock']));
    const faults = faultsOf(locked, { seats: SEATS, buyers: BUYERS });
    console.log(
      faults.length === 0
        ? '\nWith the lock every seat was sold, and sold once.'
        : `\nWith the lock it went WRONG: ${faults.join('; ')}.`,
    );
    return faults.length === 0 ? 0 : 1;
  } catch (error) {
    console.error(`The storm failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await Promise.all(instances.map((instance) => instance.stop()));
    if (storage.kind === 'private') await storage.stop();
  }
}
