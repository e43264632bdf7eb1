/** A single attempt, beside the gate: for callers that do not wait. */
import { LockBusyError, LockStoreError } from '../errors/index.js';
import type { ResolvedAcquire } from './acquire.options.js';
import { Deadline } from './deadline.js';
import { FenceSupply } from './fence-supply.js';
import { Lease } from './lease.js';
import type { Party } from './party.js';
import type { Section } from './section.js';
import type { TurnReply } from './store.contract.js';
import { Tenure } from './tenure.js';
import { ownerOf } from './token.js';
import { WaitList } from './wait-list.js';
import { Waiter } from './waiter.js';

/**
 * Asks once. Only the store bounds the time (its reply is what is waited for, no holder), and the caller's signal.
 * @throws LockBusyError when it is not free, or others queue for it.
 */
export function takeOnce(party: Party, key: string, options: ResolvedAcquire): Promise<Section> {
  const line = new WaitList<Waiter>();
  const waiter = new Waiter({
    key,
    clock: party.clock,
    number: 0,
    options,
    wait: Infinity,
    onDeadline: () => undefined,
    onLeave: () => void line.shift(),
  });
  line.push(waiter);
  const token = party.mint.next();
  const { ttl } = options;
  const deadline = Deadline.in(party.clock, ttl);
  const settle = ({ answer }: TurnReply): void => {
    if (answer?.state === 'granted') {
      const lease = new Lease({ party, key, token, ttl, deadline, confirmed: true });
      new Tenure({
        party,
        lease,
        line,
        upTo: waiter.number,
        fences: new FenceSupply().add(answer.fence, answer.drawn),
        over: (keepFor) => {
          // The lease was over before its section began, and nobody else would tell the caller.
          line.first?.refuse(tooLate(key));
          return party.release(key, party.givingUp(key, token, keepFor));
        },
      }).begin();
    } else {
      const holder = answer?.state === 'busy' ? answer : undefined;
      waiter.refuse(new LockBusyError(key, 0, ownerOf(holder?.holder ?? ''), holder?.remaining));
    }
  };
  party
    .turn({ key, ask: { token, ttl, sections: 1, mode: 'once' } })
    .then(settle, (error: LockStoreError) => waiter.refuse(error));
  return waiter.promise;
}

function tooLate(key: string): LockStoreError {
  return new LockStoreError(
    `The store answered so late that the lease of the lock "${key}" was over before its work began, or could not be ` +
      'renewed in time. Check the connection to Redis, or raise "ttl".',
  );
}
