/** A single attempt, beside the gate: for callers that do not wait. */
import { LockBusyError, LockStoreError } from '../errors/index.js';
import { quoted } from '../errors/quoted.js';
import type { ResolvedAcquire } from './acquire.options.js';
import type { Clock } from './clock.js';
import { Deadline } from './deadline.js';
import { FenceSupply } from './fence-supply.js';
import { Lease } from './lease.js';
import { mixedKinds } from './mixed-kinds.js';
import type { Party, ReleaseOutcome } from './party.js';
import type { Section } from './section.js';
import type { SharedTimer } from './shared-timer.js';
import type { Answer } from './store.contract.js';
import { type Landlord, type Line, Tenure } from './tenure.js';
import { ownerOf } from './token.js';
import { Waiter, type WaiterLine } from './waiter.js';

/**
 * Asks once. Only the store bounds the time (its reply is what is waited for, no holder), and the caller's signal.
 * @throws LockBusyError when it is not free, or others queue for it.
 */
export function takeOnce(party: Party, key: string, options: ResolvedAcquire): Promise<Section> {
  return new Attempt(party, key, options).run();
}

/** The gate's part, for one caller. */
class Attempt implements WaiterLine, Line, Landlord {
  readonly key: string;
  readonly #party: Party;
  readonly #waiter: Waiter;
  #waits = true;

  constructor(party: Party, key: string, options: ResolvedAcquire) {
    this.key = key;
    this.#party = party;
    this.#waiter = new Waiter(this, 0, options, Infinity);
  }

  get clock(): Clock {
    return this.#party.clock;
  }

  get deadlines(): SharedTimer {
    return this.#party.deadlines;
  }

  get first(): Waiter | undefined {
    return this.#waits ? this.#waiter : undefined;
  }

  run(): Promise<Section> {
    const { ttl } = this.#waiter.options;
    const token = this.#party.mint.next(this.#waiter.options.sharing);
    const deadline = Deadline.in(this.clock, ttl);
    const { attempts } = this.#party;
    const place = attempts.push(token);
    const asking = this.#party.turn(
      { key: this.key, ask: { token, ttl, sections: 1, mode: 'once' } },
      ({ answer }) => {
        // A lease of its own, if it is granted, is known by then.
        this.#onAnswer(answer, token, deadline);
        attempts.remove(place);
      },
      (error) => {
        attempts.remove(place);
        this.#waiter.refuse(error);
      },
    );
    // Shutting down waits for its answer: it may be a grant.
    this.#party.errand(asking);
    return this.#waiter.promise;
  }

  #onAnswer(answer: Answer | undefined, token: string, deadline: Deadline): void {
    const { key } = this;
    if (answer?.state === 'mixed') {
      return this.#waiter.refuse(mixedKinds(key, this.#waiter.options.sharing, answer.kind));
    }
    if (answer?.state !== 'granted') {
      const { holder, remaining } = answer?.state === 'busy' ? answer : { holder: '', remaining: undefined };
      this.#waiter.refuse(new LockBusyError(key, 0, ownerOf(holder), remaining));
      return;
    }
    const party = this.#party;
    const { ttl } = this.#waiter.options;
    const lease = new Lease({ party, key, token, ttl, deadline, confirmed: true });
    const fences = new FenceSupply().add(answer.fence, answer.drawn);
    new Tenure({ party, lease, line: this, upTo: 0, fences, landlord: this }).begin();
  }

  shift(): Waiter | undefined {
    const { first } = this;
    this.#waits = false;
    return first;
  }

  tenureOver({ token }: Lease, keepFor: number): Promise<ReleaseOutcome> {
    // The lease was over before its section began, and nobody else would tell the caller.
    this.first?.refuse(tooLate(this.key));
    return this.#party.release(this.key, this.#party.givingUp(this.key, token, keepFor));
  }

  waiterDue(): void {
    // It does not wait for holders, so it has no deadline.
  }

  waiterLeft(): void {
    this.#waits = false;
  }
}

/** The error of a caller whose lease ended before its section could begin. */
export function tooLate(key: string): LockStoreError {
  return new LockStoreError(
    `The store answered so late that the lease of the lock ${quoted(key)} was over before its work began, or could not be ` +
      'renewed in time. Check the connection to Redis, or raise "ttl".',
  );
}
