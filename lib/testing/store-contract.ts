/** The contract of a LockStore as a test suite, for any runner with `describe` and `it`. */
import { inspectionContract } from './contract/inspection.contract.js';
import { keyContract } from './contract/key.contract.js';
import { kindsContract } from './contract/kinds.contract.js';
import { queueContract } from './contract/queue.contract.js';
import { semaphoreQueueContract } from './contract/semaphore-queue.contract.js';
import { semaphoreContract } from './contract/semaphore.contract.js';
import { sharedQueueContract } from './contract/shared-queue.contract.js';
import { sharedContract } from './contract/shared.contract.js';
import type { ContractRunner, ContractSubject } from './contract/contract-subject.js';
import { type Suite, World } from './contract/world.js';

export type { ContractRunner, ContractSubject } from './contract/contract-subject.js';

/**
 * Registers the suite.
 * @param name the store's name in the test report.
 * @param create makes a new subject for each test.
 */
export function storeContract(
  { describe, it }: ContractRunner,
  name: string,
  create: () => Promise<ContractSubject>,
): void {
  const test: Suite['test'] = (title, body) =>
    it(title, async () => {
      const subject = await create();
      const world = new World(subject);
      try {
        await body(world);
      } finally {
        await world.end();
      }
    });

  describe(`${name} keeps the store contract`, () => {
    keyContract({ describe, test });
    queueContract({ describe, test });
    sharedContract({ describe, test });
    sharedQueueContract({ describe, test });
    semaphoreContract({ describe, test });
    semaphoreQueueContract({ describe, test });
    kindsContract({ describe, test });
    inspectionContract({ describe, test });
  });
}
