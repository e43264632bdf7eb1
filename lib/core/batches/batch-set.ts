/** The leases that a key has in this process: one exclusive lease, the leases of readers, or the permits of a semaphore. */
import type { LockKind } from '../contracts/token.js';
import { FenceSupply } from '../leases/fence-supply.js';
import { LinkedList } from '../util/linked-list.js';
import { LeaseBatch, type LeaseBatchSettings } from './lease-batch.js';

/**
 * - `nothing`: no lease.
 * - `exclusive`: an exclusive lease. Nothing is requested.
 * - `admitting`: the latest shared lease is still to admit its callers. Nothing is requested: it would be for the same ones.
 * - `open`: shared leases, which have admitted their callers. The callers that wait are requested for.
 */
export type ServingState = 'nothing' | 'exclusive' | 'admitting' | 'open';

/** Fences of a reply or an offer: the first of `drawn`, for callers up to the number `upTo`. */
export interface DrawnFences {
  readonly fence: number;
  readonly drawn: number;
  readonly upTo: number;
}

export class BatchSet {
  readonly #batches = new LinkedList<LeaseBatch>();
  #exclusive: LeaseBatch | undefined;
  /** The latest shared lease, until it has admitted its callers. */
  #latest: LeaseBatch | undefined;
  /** Of all permits: fences rise with every hold of this process, whichever permit serves it. */
  #permitFences: FenceSupply | undefined;

  get size(): number {
    return this.#batches.size;
  }

  get state(): ServingState {
    if (this.#exclusive !== undefined) return 'exclusive';
    if (this.size === 0) return 'nothing';
    return this.#latest?.admitting === true ? 'admitting' : 'open';
  }

  get exclusive(): LeaseBatch | undefined {
    return this.#exclusive;
  }

  /** True while a lease has come whose first callers are still to start. */
  get entering(): boolean {
    return this.#exclusive?.served === false || this.#latest?.admitting === true;
  }

  has(token: string): boolean {
    for (const { lease } of this.#batches) if (lease.token === token) return true;
    return false;
  }

  add(
    kind: LockKind,
    settings: Omit<LeaseBatchSettings, 'fences' | 'concurrency'>,
    { fence, drawn, upTo }: DrawnFences,
  ): LeaseBatch {
    const fences = kind === 'semaphore' ? (this.#permitFences ??= new FenceSupply()) : new FenceSupply();
    fences.add(fence, drawn, upTo);
    const batch = new LeaseBatch({ ...settings, fences, concurrency: kind === 'shared' ? Infinity : 1 });
    batch.node = this.#batches.push(batch);
    if (kind === 'exclusive') this.#exclusive = batch;
    else this.#latest = batch;
    return batch;
  }

  /** The batch has started holds. @returns true if it was the latest, and has admitted its callers by now. */
  admitted(batch: LeaseBatch): boolean {
    if (this.#latest === undefined || this.#latest.admitting) return false;
    this.#latest = undefined;
    return batch !== this.#exclusive;
  }

  /** The batch is over. @returns true if it was the latest one, or the exclusive one. */
  remove(batch: LeaseBatch): boolean {
    if (batch.node !== undefined) this.#batches.remove(batch.node);
    if (this.#exclusive === batch) {
      this.#exclusive = undefined;
      return true;
    }
    if (this.#latest !== batch) return false;
    this.#latest = undefined;
    return true;
  }

  /** Nobody waits any more: each lease that serves nobody just now goes back. */
  queueEmptied(): void {
    for (const batch of [...this.#batches]) batch.queueEmptied();
  }
}
