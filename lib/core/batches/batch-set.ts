/**
 * The leases that a key has in this process: one exclusive lease, the leases of readers, or the permits of a semaphore.
 */
import type { LockKind } from '../contracts/token.js';
import { FenceSupply } from '../leases/fence-supply.js';
import type { Lease } from '../leases/lease.js';
import type { EngineContext } from '../runtime/engine-context.js';
import { LinkedList } from '../util/linked-list.js';
import { type BatchOwner, LeaseBatch } from './lease-batch.js';

/**
 * - `nothing`: no lease.
 * - `exclusive`: an exclusive lease. Nothing is requested.
 * - `admitting`: the latest shared lease has not admitted its callers yet. Nothing is requested: a request would be for
 *   the callers of that lease.
 * - `open`: shared leases, which have admitted their callers. If callers wait, there is a request for them.
 */
export type ServingState = 'nothing' | 'exclusive' | 'admitting' | 'open';

/** The fences of a reply or an offer: the first of `drawn` consecutive fences, for callers up to the number `upTo`. */
export interface DrawnFences {
  readonly fence: number;
  readonly drawn: number;
  readonly upTo: number;
}

export class BatchSet {
  #exclusive: LeaseBatch | undefined;
  /** Leases of readers, and permits. The list is made with the first one, because most keys have none. */
  #shared: LinkedList<LeaseBatch> | undefined;
  /** The latest shared lease, until it has admitted its callers. */
  #latest: LeaseBatch | undefined;
  /** The fences of all permits. Fences rise with every hold of this process, and any permit may serve a hold. */
  #permitFences: FenceSupply | undefined;

  get size(): number {
    return (this.#exclusive === undefined ? 0 : 1) + (this.#shared?.size ?? 0);
  }

  get state(): ServingState {
    if (this.#exclusive !== undefined) return 'exclusive';
    if (this.size === 0) return 'nothing';
    return this.#latest?.admitting === true ? 'admitting' : 'open';
  }

  get exclusive(): LeaseBatch | undefined {
    return this.#exclusive;
  }

  /** True while there is a lease, and its first callers have not started yet. */
  get entering(): boolean {
    return this.#exclusive?.served === false || this.#latest?.admitting === true;
  }

  has(token: string): boolean {
    if (this.#exclusive?.lease.token === token) return true;
    if (this.#shared !== undefined)
      for (const { lease } of this.#shared) if (lease.token === token) return true;
    return false;
  }

  /** Starts a batch for a lease. @param upTo the number of the last caller that the batch may serve. */
  add(
    kind: LockKind,
    context: EngineContext,
    lease: Lease,
    upTo: number,
    owner: BatchOwner,
    drawn: DrawnFences,
  ): LeaseBatch {
    const fences = kind === 'semaphore' ? (this.#permitFences ??= new FenceSupply()) : new FenceSupply();
    fences.add(drawn.fence, drawn.drawn, drawn.upTo);
    const concurrency = kind === 'shared' ? Infinity : 1;
    const batch = new LeaseBatch({ context, lease, upTo, fences, owner, concurrency });
    if (kind === 'exclusive') this.#exclusive = batch;
    else {
      batch.node = (this.#shared ??= new LinkedList()).push(batch);
      this.#latest = batch;
    }
    return batch;
  }

  /** Takes over an exclusive batch. */
  adopt(batch: LeaseBatch): void {
    this.#exclusive = batch;
  }

  /** A batch has started holds. @returns true if the latest shared lease has admitted its callers by now. */
  admitted(): boolean {
    if (this.#latest === undefined || this.#latest.admitting) return false;
    this.#latest = undefined;
    return true;
  }

  /** The batch is over. @returns true for the exclusive one, and for a shared lease that had not admitted its callers. */
  remove(batch: LeaseBatch): boolean {
    if (this.#exclusive === batch) {
      this.#exclusive = undefined;
      return true;
    }
    if (batch.node !== undefined) this.#shared?.remove(batch.node);
    if (this.#latest !== batch) return false;
    this.#latest = undefined;
    return true;
  }

  /** Nobody waits any more: each lease without a running hold is released. */
  queueEmptied(): void {
    this.#exclusive?.queueEmptied();
    if (this.#shared !== undefined) for (const batch of [...this.#shared]) batch.queueEmptied();
  }
}
