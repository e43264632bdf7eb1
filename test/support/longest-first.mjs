/**
 * The order in which jest starts the specs. A spec that starts last and takes a minute leaves all workers but one idle. A fresh
 * clone has no times of an earlier run, and jest then goes by the size of the files, which says little. So the longest
 * specs are named here. Those that compute and those that wait alternate, because there are fewer cores than workers.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Sequencer from '@jest/test-sequencer';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Specs of more than 15 s. Specs that measure the heap come first, because a full collection is faster in a new worker. */
const LONGEST = [
  'test/integration/self-scheduling.spec.ts',
  'test/chaos/cluster-waits.spec.ts',
  'test/contract/redis.store.spec.ts',
  'test/scripts/compare.spec.ts',
  'test/contract/redis-cluster.store.spec.ts',
  'test/integration/async-context.spec.ts',
  'test/chaos/shutdown.spec.ts',
  'test/integration/many-semaphore-waiters.spec.ts',
  'test/integration/cluster-outages.spec.ts',
  'test/chaos/busy-process.spec.ts',
  'test/integration/many-waiters.spec.ts',
  'test/integration/redis-faults.spec.ts',
  'verification/fuzz/fuzz.spec.ts',
  'test/integration/declared-keys.spec.ts',
  'test/transports/cron-machines.spec.ts',
  'test/unit/lock-handle.spec.ts',
  'test/dashboard/dashboard-live.spec.ts',
  'test/integration/lock-kinds-between-processes.spec.ts',
  'test/integration/sample-app.spec.ts',
  'test/integration/hand-off-connection.spec.ts',
  'test/unit/architecture.spec.ts',
  'test/chaos/inspection-faults.spec.ts',
  'test/integration/fencing-sql.spec.ts',
  'test/sample/office-page.spec.ts',
  'test/integration/two-package-copies.spec.ts',
];

const gone = LONGEST.filter((spec) => !existsSync(ROOT + spec));
if (gone.length > 0)
  throw new Error(`test/support/longest-first.mjs names specs that are gone: ${gone.join(', ')}`);

const rank = new Map(LONGEST.map((spec, i) => [ROOT + spec, i]));

export default class LongestFirst extends Sequencer {
  async sort(tests) {
    const rest = await super.sort(tests);
    return rest.sort((a, b) => (rank.get(a.path) ?? LONGEST.length) - (rank.get(b.path) ?? LONGEST.length));
  }
}
