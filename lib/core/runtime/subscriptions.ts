/** The keys that wait until grants can reach the session. Each promise of the store has one reaction, for all of them. */
import type { LockStoreError } from '../../errors/index.js';
import { LinkedList, type ListNode } from '../util/linked-list.js';
import { runOutside } from '../time/outside.js';
import type { LockStoreSession } from '../contracts/store.contract.js';

export interface Subscriber {
  /** Grants of the key reach the session now, or the store has found that it cannot queue. */
  subscribed(): void;
  /** Grants of the key will never reach the session. */
  cannotSubscribe(error: LockStoreError): void;
}

/**
 * Each poll of a busy key calls the store's `subscribe` again, and its promise stays pending while grants cannot reach
 * the session. If each call had a reaction of its own, all these reactions and their subscribers would stay in memory
 * as long.
 */
export class Subscriptions {
  readonly #session: LockStoreSession;
  /** Called once, when a caller of this process waits for another process for the first time. */
  onFirst: (() => void) | undefined;
  readonly #pending = new Map<Promise<void>, LinkedList<Subscriber>>();

  constructor(session: LockStoreSession) {
    this.#session = session;
  }

  /** Tells the subscriber once. @returns the subscription, which the subscriber can cancel. */
  subscribe(key: string, subscriber: Subscriber): Subscription {
    this.onFirst?.();
    this.onFirst = undefined;
    // The promise is for all subscribers, and outlives this one.
    const waiting = runOutside(() => this.#waitingFor(this.#session.subscribe(key)));
    return new Subscription(waiting, waiting.push(subscriber));
  }

  #waitingFor(promise: Promise<void>): LinkedList<Subscriber> {
    const known = this.#pending.get(promise);
    if (known !== undefined) return known;
    const waiting = new LinkedList<Subscriber>();
    this.#pending.set(promise, waiting);
    promise.then(
      () => this.#settle(promise, (each) => each.subscribed()),
      (error: LockStoreError) => this.#settle(promise, (each) => each.cannotSubscribe(error)),
    );
    return waiting;
  }

  #settle(promise: Promise<void>, tell: (subscriber: Subscriber) => void): void {
    const waiting = this.#pending.get(promise);
    this.#pending.delete(promise);
    for (let each = waiting?.shift(); each !== undefined; each = waiting?.shift()) tell(each);
  }
}

export class Subscription {
  constructor(
    private readonly waiting: LinkedList<Subscriber>,
    private readonly node: ListNode<Subscriber>,
  ) {}

  /** Idempotent. */
  cancel(): void {
    this.waiting.remove(this.node);
  }
}
