/** Which waiters of a key are refused, and why. */
import { LockBusyError } from '../../errors/index.js';
import type { BatchSet } from '../batches/batch-set.js';
import { kindConflict } from '../contracts/kind-conflict.js';
import { ownerOf } from '../contracts/token.js';
import { observed } from '../events/diagnostics.js';
import type { WaitQueue } from '../queue/wait-queue.js';
import type { Waiter } from '../queue/waiter.js';
import type { PendingRequest } from '../requests/pending-request.js';
import type { RequestKnowledge } from '../requests/request-knowledge.js';
import type { CallerEffect } from '../requests/request-table.js';
import type { EngineContext } from '../runtime/engine-context.js';
import { silent } from './late-replies.js';

/** How long the verbs of a store take that does not say so, in ms. */
const VERB_TIMEOUT = 10_000;
/** The time that an overdue verb is given to fail by itself, in ms. */
const MARGIN = 250;

type RefusalEffect = Extract<CallerEffect, `refuse ${string}`>;

export class Refusals {
  readonly #key: string;
  readonly #context: EngineContext;
  readonly #queue: WaitQueue;
  readonly #batches: BatchSet;
  readonly #known: RequestKnowledge;

  constructor(
    key: string,
    context: EngineContext,
    queue: WaitQueue,
    batches: BatchSet,
    known: RequestKnowledge,
  ) {
    this.#key = key;
    this.#context = context;
    this.#queue = queue;
    this.#batches = batches;
    this.#known = known;
  }

  /**
   * The time of a waiter is over. If a reply is awaited, the reply may be a grant, which a longer wait would have got too.
   * So the waiter stays for the reply, which the store's time-out bounds.
   */
  due(waiter: Waiter): void {
    const { trouble } = this.#known;
    if (trouble !== undefined) waiter.refuse(trouble);
    else if (this.#isBusyFor(waiter)) waiter.refuse(this.busy(waiter.waited));
    else if (waiter.overdue) {
      waiter.refuse(silent(this.#key, this.#known.silent(this.#context.clock) || waiter.waited));
    } else this.#queue.linger(waiter, (this.#context.session.verbTimeout ?? VERB_TIMEOUT) + MARGIN);
  }

  /** True if the key is held here, or known to be busy, and no reply is awaited that could say otherwise. */
  #isBusyFor(waiter: Waiter): boolean {
    if (this.#batches.entering) return false;
    if (this.#batches.exclusive !== undefined) return true;
    return this.#queue.informed(waiter) && !this.#known.awaitsReply;
  }

  /** The waiters that an effect concerns. */
  concerned(effect: RefusalEffect, request: PendingRequest | undefined): readonly Waiter[] {
    const queue = this.#queue;
    switch (effect) {
      case 'refuse conflict':
        // Only the callers of the request: the others' requests are answered by how the key stands then.
        return queue.select(({ number }) => request !== undefined && number <= request.upTo);
      case 'refuse uninformed':
        return queue.select((waiter) => waiter.overdue || !queue.informed(waiter));
      case 'refuse overdue':
        return queue.overdue();
      case 'refuse all':
        return queue.select(() => true);
    }
  }

  /** Why the callers of a request cannot be served beside the kind that the store has named. */
  conflict({ access }: PendingRequest): Error {
    return kindConflict(this.#key, access, this.#known.conflict ?? access.kind);
  }

  /** The error of a caller that waited so long, in ms. */
  busy(waited: number): LockBusyError {
    const known = this.#known.holder;
    const lease = this.#batches.exclusive?.lease;
    const holder = lease?.token ?? known?.holder ?? '';
    const remaining = lease?.remaining ?? known?.remaining;
    return new LockBusyError(this.#key, waited, holder === '' ? undefined : ownerOf(holder), remaining);
  }

  /** Every waiter knows from now on that the key is busy. */
  tellBusy(): void {
    const wait = { name: 'wait', key: this.#key } as const;
    this.#queue.inform(observed('wait') ? () => this.#context.events.emit('wait', () => wait) : undefined);
  }
}
