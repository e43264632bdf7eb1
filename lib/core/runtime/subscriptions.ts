/** Who waits until grants can reach the session: a promise of the store has one reaction, however many and how often they request. */
import type { LockStoreError } from '../../errors/index.js';
import { LinkedList, type ListNode } from '../util/linked-list.js';
import { runOutside } from '../time/outside.js';
import type { LockStoreSession } from '../contracts/store.contract.js';

export interface Subscriber {
  /** Grants of its key reach the session now, or it is known that they cannot. */
  subscribed(): void;
  /** They never will. */
  cannotSubscribe(error: LockStoreError): void;
}

/**
 * Each poll of a busy key requests the store again to be reached, which stays pending while it cannot be. Were each a reaction of
 * its own, all of them, and whoever requested, would stay alive for as long.
 */
export class Subscriptions {
  readonly #session: LockStoreSession;
  readonly #pending = new Map<Promise<void>, LinkedList<Subscriber>>();

  constructor(session: LockStoreSession) {
    this.#session = session;
  }

  /** Tells the subscriber once. Returns what it leaves by, if it wants to be told no more. */
  subscribe(key: string, subscriber: Subscriber): Subscription {
    // It is for all who wait, and outlives this one.
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
