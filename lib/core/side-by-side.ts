/** The leases that one gate has at the same time: its readers', or its permits of a semaphore. */
import { FenceSupply } from './fence-supply.js';
import type { Lease } from './lease.js';
import type { ReleaseOutcome } from './party.js';
import { ReadersTenure } from './readers.tenure.js';
import { type Landlord, Tenure, type TenureSettings } from './tenure.js';
import type { LockKind } from './token.js';

type Shared = Tenure | ReadersTenure;

export interface SideBySideHost {
  /** The latest one has let its first callers in, or will not: was it a turn? The line may move. */
  sharedSettled(turn: boolean): void;
  /** One of these took callers off the line. */
  lineMoved(): void;
  /** One is over, and is none of these any more. */
  sharedOver(lease: Lease, keepFor: number): Promise<ReleaseOutcome>;
}

/**
 * Invariant: at most one of them, the latest, has its first callers still to let in, and while it has, the gate asks for
 * nobody: it would be for the same ones.
 */
export class SideBySide implements Landlord {
  readonly #host: SideBySideHost;
  readonly #tenures = new Map<string, Shared>();
  /** Until its first callers are in. */
  #latest: Shared | undefined;
  /** Of all permits, so that fences rise with every section of this process, by whichever permit it runs. */
  readonly #fences = new FenceSupply();

  constructor(host: SideBySideHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#tenures.size;
  }

  /** Is the latest one still to let in those whom it was asked for? */
  get entering(): boolean {
    return this.#latest?.entering === true;
  }

  has(token: string): boolean {
    return this.#tenures.has(token);
  }

  /** @param fence the first of `drawn`, for callers up to the number `drawnFor`. */
  enter(
    kind: LockKind,
    settings: Omit<TenureSettings, 'fences' | 'landlord'>,
    { fence, drawn, drawnFor }: { fence: number; drawn: number; drawnFor: number },
  ): Shared {
    const permit = kind === 'semaphore';
    const fences = permit ? this.#fences : new FenceSupply();
    fences.add(fence, drawn, drawnFor);
    const all = { ...settings, fences, landlord: this };
    const tenure = permit ? new Tenure(all) : new ReadersTenure(all);
    this.#tenures.set(settings.lease.token, tenure);
    this.#latest = tenure;
    return tenure;
  }

  /** Nobody stands in line any more. */
  lineEmptied(): void {
    for (const tenure of [...this.#tenures.values()]) tenure.lineEmptied();
  }

  sectionsStarted(): void {
    if (this.#latest?.entering === false) {
      this.#latest = undefined;
      this.#host.sharedSettled(true);
    }
    this.#host.lineMoved();
  }

  tenureOver(lease: Lease, keepFor: number): Promise<ReleaseOutcome> {
    const tenure = this.#tenures.get(lease.token);
    this.#tenures.delete(lease.token);
    if (this.#latest === tenure) {
      this.#latest = undefined;
      this.#host.sharedSettled(tenure?.served === true || lease.confirmed);
    }
    return this.#host.sharedOver(lease, keepFor);
  }
}
