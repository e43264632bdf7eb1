/** The engine of a module: takes keys, one or several; counts what is held; shuts down. */
import { LockAbortedError, LockBusyError, LockShutdownError, LockStoreError } from '../errors/index.js';
import type { ResolvedAcquire } from './acquire.options.js';
import { CallSites } from './call-sites.js';
import { type Clock, systemClock } from './clock.js';
import { observed, publish } from './diagnostics.js';
import type { LockEventSink } from './events.js';
import { Gate } from './gate.js';
import { type HeldLock, LockHandle } from './lock.handle.js';
import { Party } from './party.js';
import type { Section } from './section.js';
import { takeOnce } from './solo.js';
import type { LockStore } from './store.contract.js';
import { TokenMint, newParty } from './token.js';

export interface LockerSettings {
  readonly store: LockStore;
  /** The label in tokens. */
  readonly owner: string;
  /** `Infinity` for no bound. */
  readonly maxWaiters: number;
  /** In ms. */
  readonly longHold: number;
  /** Told of what is worth a log line: `lost`, `long-hold`, `store-error`. */
  readonly emit: LockEventSink;
  readonly clock?: Clock;
}

export class Locker {
  readonly #party: Party;
  readonly #gates = new Map<string, Gate>();
  readonly #maxWaiters: number;
  readonly #counterOf = (key: string): string => this.#party.session.counterOf(key);
  readonly #sites: CallSites;
  #refusing = false;

  constructor(settings: LockerSettings) {
    const party = newParty();
    const session = settings.store.open(party, {
      offered: (key, token, fence) => this.#offered(key, token, fence),
      awake: () => this.#nudge(),
      recovered: () => this.#recovered(),
    });
    this.#maxWaiters = settings.maxWaiters;
    this.#sites = new CallSites(settings.clock ?? systemClock);
    this.#party = new Party({
      session,
      mint: new TokenMint(party, settings.owner),
      clock: settings.clock ?? systemClock,
      longHold: settings.longHold,
      sink: settings.emit,
    });
  }

  /**
   * Takes all keys, or none.
   * @param keys sorted, distinct, checked: that they are sorted is what keeps two callers from waiting for each other.
   */
  async acquire(keys: readonly string[], options: ResolvedAcquire): Promise<HeldLock> {
    const site = this.#sites.capture();
    const [key] = keys;
    try {
      const sections =
        keys.length === 1 && key !== undefined
          ? [await this.#take(key, options, options.wait)]
          : await this.#takeAll(keys, options);
      for (const section of sections) {
        section.site = site;
        const { key: name, waited, fence } = section;
        if (observed('acquire')) publish({ name: 'acquire', key: name, waited, fence });
      }
      return new LockHandle(sections, this.#counterOf);
    } catch (error) {
      if (error instanceof LockBusyError && observed('busy')) {
        publish({ name: 'busy', key: error.key, waited: error.waited });
      }
      throw error;
    }
  }

  /** Refuses new acquisitions and ends those that wait, with a LockShutdownError. Idempotent. */
  refuse(): void {
    this.#refusing = true;
    for (const gate of [...this.#gates.values()]) gate.refuseAll(new LockShutdownError(gate.key));
  }

  /** Waits until nothing is held, for at most `grace` ms; then gives up what still is: its holders see it lost. */
  async drain(grace: number): Promise<void> {
    this.refuse();
    await this.#party.idle(grace);
    await Promise.all(
      [...this.#party.sections].map((section) => {
        section.lose('shutdown');
        return section.release();
      }),
    );
  }

  /** Ends the session with the store. The store itself is its owner's to close. */
  async close(): Promise<void> {
    this.refuse();
    await this.#party.close();
    await this.#party.session.close();
  }

  /** How many keys are waited for or held here. @internal */
  get gateCount(): number {
    return this.#gates.size;
  }

  #take(key: string, options: ResolvedAcquire, wait: number): Promise<Section> {
    if (this.#refusing) throw new LockShutdownError(key);
    if (options.signal?.aborted) throw new LockAbortedError(key, 0, options.signal.reason);
    return wait > 0 ? this.#gate(key).join(options, wait) : this.#takeOnce(key, options);
  }

  #takeOnce(key: string, options: ResolvedAcquire): Promise<Section> {
    const gate = this.#gates.get(key);
    if (gate?.surelyHeld === true) throw gate.busy(0);
    return takeOnce(this.#party, key, options);
  }

  /**
   * One after the other, with one deadline for all. Should one be lost while another is waited for, all are given back
   * and taken again.
   */
  async #takeAll(keys: readonly string[], options: ResolvedAcquire): Promise<Section[]> {
    const since = this.#party.clock.monotonic();
    for (;;) {
      const taken: Section[] = [];
      try {
        for (const key of keys) {
          const waited = this.#party.clock.monotonic() - since;
          taken.push(await this.#take(key, options, Math.max(0, options.wait - waited)));
        }
        if (taken.every((section) => section.remaining > 0)) return taken;
      } catch (error) {
        const given = Promise.all(taken.map((section) => section.abandon()));
        // To wait for a store that does not answer would go on past the deadline, or the abort.
        if (error instanceof LockStoreError || error instanceof LockAbortedError) this.#party.errand(given);
        else await given;
        if (!(error instanceof LockBusyError)) throw error;
        // The last key may not have waited itself: the deadline is one for all.
        const waited = Math.max(error.waited, Math.min(options.wait, this.#party.clock.monotonic() - since));
        throw new LockBusyError(error.key, waited, error.holder, error.remaining);
      }
      await Promise.all(taken.map((section) => section.abandon()));
    }
  }

  #gate(key: string): Gate {
    let gate = this.#gates.get(key);
    if (gate === undefined) {
      gate = new Gate({ key, party: this.#party, maxWaiters: this.#maxWaiters, onIdle: this.#onIdle });
      this.#gates.set(key, gate);
    }
    return gate;
  }

  readonly #onIdle = (gate: Gate): void => {
    if (this.#gates.get(gate.key) === gate) this.#gates.delete(gate.key);
  };

  #offered(key: string, token: string, fence: number): void {
    const gate = this.#gates.get(key);
    if (gate === undefined) this.#party.giveUp(key, token);
    else gate.offered(token, fence);
  }

  #nudge(): void {
    for (const gate of [...this.#gates.values()]) gate.nudge();
  }

  #recovered(): void {
    for (const lease of this.#party.keeper) lease.hasten();
    this.#nudge();
  }
}
