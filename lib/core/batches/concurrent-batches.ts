/** The leases that one coordinator has at the same time: its readers', or its permits of a semaphore. */
import { FenceSupply } from '../leases/fence-supply.js';
import type { Lease } from '../leases/lease.js';
import type { ReleaseOutcome } from '../runtime/engine-context.js';
import { ReaderBatch } from './reader-batch.js';
import { type BatchOwner, ExclusiveBatch, type BatchSettings } from './exclusive-batch.js';
import type { LockKind } from '../contracts/token.js';

type Shared = ExclusiveBatch | ReaderBatch;

export interface ConcurrentBatchesHost {
  /** The latest one has let its first callers in, or will not: was it a hold? The queue may move. */
  sharedSettled(exchange: boolean): void;
  /** One of these took callers off the queue. */
  queueMoved(): void;
  /** One is over, and is none of these any more. */
  sharedOver(lease: Lease, releaseAfter: number): Promise<ReleaseOutcome>;
}

/**
 * Invariant: at most one of them, the latest, has its first callers still to let in, and while it has, the coordinator requests
 * nobody: it would be for the same ones.
 */
export class ConcurrentBatches implements BatchOwner {
  readonly #host: ConcurrentBatchesHost;
  readonly #batches = new Map<string, Shared>();
  /** Until its first callers are in. */
  #latest: Shared | undefined;
  /** Of all permits, so that fences rise with every hold of this process, by whichever permit it runs. */
  readonly #fences = new FenceSupply();

  constructor(host: ConcurrentBatchesHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#batches.size;
  }

  /** Is the latest one still to let in those whom it was requested? */
  get entering(): boolean {
    return this.#latest?.entering === true;
  }

  has(token: string): boolean {
    return this.#batches.has(token);
  }

  /** @param fence the first of `drawn`, for callers up to the number `drawnFor`. */
  enter(
    kind: LockKind,
    settings: Omit<BatchSettings, 'fences' | 'owner'>,
    { fence, drawn, drawnFor }: { fence: number; drawn: number; drawnFor: number },
  ): Shared {
    const permit = kind === 'semaphore';
    const fences = permit ? this.#fences : new FenceSupply();
    fences.add(fence, drawn, drawnFor);
    const all = { ...settings, fences, owner: this };
    const batch = permit ? new ExclusiveBatch(all) : new ReaderBatch(all);
    this.#batches.set(settings.lease.token, batch);
    this.#latest = batch;
    return batch;
  }

  /** Nobody waits in the queue any more. */
  queueEmptied(): void {
    for (const batch of [...this.#batches.values()]) batch.queueEmptied();
  }

  holdsStarted(): void {
    if (this.#latest?.entering === false) {
      this.#latest = undefined;
      this.#host.sharedSettled(true);
    }
    this.#host.queueMoved();
  }

  batchEnded(lease: Lease, releaseAfter: number): Promise<ReleaseOutcome> {
    const batch = this.#batches.get(lease.token);
    this.#batches.delete(lease.token);
    if (this.#latest === batch) {
      this.#latest = undefined;
      this.#host.sharedSettled(batch?.served === true || lease.confirmed);
    }
    return this.#host.sharedOver(lease, releaseAfter);
  }
}
