/** A single attempt without the key's coordinator, for callers that do not wait. */
import { LockBusyError } from '../../errors/index.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import type { Clock } from '../time/clock.js';
import { Deadline } from '../time/deadline.js';
import { FenceSupply } from '../leases/fence-supply.js';
import { Lease } from '../leases/lease.js';
import { kindConflict } from '../contracts/kind-conflict.js';
import type { EngineContext } from '../runtime/engine-context.js';
import type { ReleaseOutcome } from '../runtime/session-commands.js';
import type { Hold } from '../holds/hold.js';
import type { DeadlineTimer } from '../runtime/deadline-timer.js';
import type { AcquireReply } from '../contracts/store.contract.js';
import { type BatchOwner, LeaseBatch } from '../batches/lease-batch.js';
import { ownerOf } from '../contracts/token.js';
import { HoldCaller } from '../queue/caller.js';
import { Waiter } from '../queue/waiter.js';
import { tooLate } from './refusals.js';

/**
 * Requests the key once. The call waits for the store's reply alone, not for holders. The store's time-out and the
 * caller's signal bound that time.
 * @throws LockBusyError when the key is not free, or requests queue for it.
 */
export function tryAcquire(context: EngineContext, key: string, options: ResolvedAcquire): Promise<Hold> {
  return new TryAcquire(context, key, options).run();
}

/** Does for one caller what a coordinator does for all callers of a key. */
class TryAcquire implements BatchOwner {
  readonly key: string;
  readonly #context: EngineContext;
  readonly #waiter: Waiter;
  #waits = true;

  constructor(context: EngineContext, key: string, options: ResolvedAcquire) {
    this.key = key;
    this.#context = context;
    const caller = new HoldCaller(options, context.clock.monotonic(), undefined, undefined);
    this.#waiter = new Waiter(this, 0, caller, Infinity);
  }

  get clock(): Clock {
    return this.#context.clock;
  }

  get deadlines(): DeadlineTimer {
    return this.#context.deadlines;
  }

  get first(): Waiter | undefined {
    return this.#waits ? this.#waiter : undefined;
  }

  run(): Promise<Hold> {
    const { ttl } = this.#waiter.options;
    const token = this.#context.tokens.next(this.#waiter.options.access);
    const deadline = Deadline.in(this.clock, ttl);
    const { attempts } = this.#context.commands;
    const node = attempts.push(token);
    const requesting = new Promise<void>((resolve) => {
      this.#context.commands.exchange(
        { key: this.key, acquire: { token, ttl, fences: 1, mode: 'once' } },
        {
          onReply: ({ acquire: reply }) => {
            resolve();
            // If the request is granted, its lease must be known before the token leaves this list.
            this.#onReply(reply, token, deadline);
            attempts.remove(node);
          },
          onFailure: (error) => {
            resolve();
            attempts.remove(node);
            this.#waiter.refuse(error);
          },
        },
      );
    });
    // A shutdown waits for the reply, because it may be a grant.
    this.#context.tasks.track(requesting);
    return this.#waiter.promise as Promise<Hold>;
  }

  #onReply(reply: AcquireReply | undefined, token: string, deadline: Deadline): void {
    const { key } = this;
    if (reply?.state === 'kind-conflict') {
      return this.#waiter.refuse(kindConflict(key, this.#waiter.options.access, reply.kind));
    }
    if (reply?.state !== 'granted') {
      const { holder, remaining } = reply?.state === 'busy' ? reply : { holder: '', remaining: undefined };
      this.#waiter.refuse(new LockBusyError(key, 0, ownerOf(holder), remaining));
      return;
    }
    const context = this.#context;
    const { ttl } = this.#waiter.options;
    const lease = new Lease({ context, key, token, ttl, deadline, confirmed: true });
    const fences = new FenceSupply().add(reply.fence, reply.drawn);
    new LeaseBatch({ context, lease, upTo: 0, fences, owner: this, concurrency: 1 }).begin();
  }

  shift(): Waiter | undefined {
    const { first } = this;
    this.#waits = false;
    return first;
  }

  batchServed(): void {
    // There is no other caller.
  }

  batchEnded({ lease: { token } }: LeaseBatch, releaseAfter: number): Promise<ReleaseOutcome> {
    // The lease may be over before its hold began. Then the caller must be refused here.
    this.first?.refuse(tooLate(this.key));
    return this.#context.commands.release(
      this.key,
      this.#context.commands.releaseRequest(this.key, token, releaseAfter),
    );
  }

  waiterDue(): void {
    // The caller does not wait for holders, so it has no deadline.
  }

  waiterLeft(): void {
    this.#waits = false;
  }
}
