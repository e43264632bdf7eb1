/** The contract of a LockStore as a test suite, for any runner with `describe` and `it`. */
import { keyContract } from './contract/key.contract.js';
import { kindsContract } from './contract/kinds.contract.js';
import { queueContract } from './contract/queue.contract.js';
import { semaphoreContract } from './contract/semaphore.contract.js';
import { sharedContract } from './contract/shared.contract.js';
import type { ContractRunner, ContractSubject } from './contract/contract-subject.js';
import { type Suite, World } from './contract/world.js';

export type { ContractRunner, ContractSubject } from './contract/contract-subject.js';

/**
 * Registers the suite.
 * @param name what the store is called in the report.
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
    semaphoreContract({ describe, test });
    kindsContract({ describe, test });
  });
}
