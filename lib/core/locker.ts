/** The engine of a module: takes keys, one or several; counts what is held; shuts down. */
import {
  forCaller,
  LockAbortedError,
  LockBusyError,
  LockDeadlockError,
  LockNotHeldError,
  LockShutdownError,
} from '../errors/index.js';
import type { ResolvedAcquire } from './acquire.options.js';
import { type CallSite, CallSites } from './call-sites.js';
import { type Clock, systemClock } from './clock.js';
import { observed, publish } from './diagnostics.js';
import type { LockEventSink } from './events.js';
import { Gates } from './gates.js';
import { JoinedHandle } from './joined.handle.js';
import { JoinedSection } from './joined.section.js';
import type { Lock } from './lock.js';
import { type HeldLock, LockHandle } from './lock.handle.js';
import { Party } from './party.js';
import type { Section } from './section.js';
import { TakenKeys, takeAll } from './several-keys.js';
import { takeOnce } from './solo.js';
import type { LockStore } from './store.contract.js';
import { TokenMint, newParty } from './token.js';
import { type Claim, WaitGraph } from './wait-for.js';

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
  /** @default the store's, if it has one */
  readonly clock?: Clock;
}

export class Locker {
  /** Who of its callers waits for whom. */
  readonly waits = new WaitGraph((key) => this.#gates.find(key)?.writerFirst === true);
  readonly #party: Party;
  readonly #gates: Gates;
  readonly #counterOf = (key: string): string => this.#party.session.counterOf(key);
  readonly #sites: CallSites;
  #refusing = false;

  constructor(settings: LockerSettings) {
    const clock = settings.clock ?? settings.store.clock ?? systemClock;
    const party = newParty();
    const session = settings.store.open(party, {
      offered: (key, token, fence, doubtful) => this.#gates.offered(key, token, fence, doubtful),
      awake: (counter) => this.#gates.nudge(counter),
      recovered: () => this.#recovered(),
    });
    this.#sites = new CallSites(clock);
    this.#party = new Party({
      session,
      mint: new TokenMint(party, settings.owner),
      clock,
      longHold: settings.longHold,
      sink: settings.emit,
    });
    this.#gates = new Gates(this.#party, settings.maxWaiters);
  }

  /**
   * Takes all keys, or none.
   * @param keys sorted, distinct, checked: that they are sorted is what keeps two callers from waiting for each other.
   * @param under what the caller holds already, if anything.
   */
  acquire(keys: readonly string[], options: ResolvedAcquire, under?: Claim): Promise<HeldLock> {
    const site = this.#sites.capture();
    const [key] = keys;
    if (key === undefined || keys.length > 1) {
      return this.#takeAll(keys, options, under, site).then(
        (sections) => this.#handOut(sections, site),
        refused,
      );
    }
    return this.#take(key, options, options.wait, under, site).then(
      (section) => this.#handOut([section], site),
      refused,
    );
  }

  /**
   * As `acquire`, for a caller that holds some of the keys already, or all.
   * @param held what it holds of them.
   * @param missing the other keys, all of which sort behind those held.
   */
  async join(
    held: readonly Section[],
    missing: readonly string[],
    options: ResolvedAcquire,
    under?: Claim,
  ): Promise<HeldLock> {
    const site = this.#sites.capture();
    for (const section of held) if (section.inDoubt) await section.settled();
    // Any of them may have ended while another was in doubt: a share in what is over would never hear of its end.
    for (const { key, lost, released } of held) {
      if (lost !== undefined) throw forCaller(lost);
      if (released) throw new LockNotHeldError(key);
    }
    const joined = held.map((section) => new JoinedSection(section, this.#party));
    let own: Section[] = [];
    let handle: LockHandle;
    try {
      if (missing.length > 0) own = await this.#takeAll(missing, options, under, site);
      handle = this.#handOut(own, site, joined);
    } catch (error) {
      for (const section of joined) void section.release();
      return refused(error);
    }
    if (handle.lost !== undefined) {
      // The outer call ended while this one waited for the rest.
      await Promise.all(own.map((section) => section.abandon()));
      await handle.release();
      throw forCaller(handle.lost);
    }
    if (options.minHold > 0) for (const section of held) section.keepOut(options.minHold);
    return handle;
  }

  #handOut(
    sections: readonly Section[],
    site: CallSite | undefined,
    joined?: readonly JoinedSection[],
  ): LockHandle {
    // To join what is held takes nothing more: those who run are to come to their end.
    if (this.#refusing && sections.length > 0) {
      for (const section of sections) this.#party.errand(section.abandon());
      throw new LockShutdownError(sections[0]?.key ?? '');
    }
    for (const section of sections) {
      section.site = site;
      const { key, waited, fence } = section;
      if (observed('acquire')) publish({ name: 'acquire', key, waited, fence });
    }
    return joined === undefined
      ? new LockHandle(sections, this.#counterOf)
      : new JoinedHandle(joined, sections, this.#counterOf);
  }

  /** The lock, if this engine made it. */
  ownOf(lock: Lock): HeldLock | undefined {
    return lock instanceof LockHandle && lock.isOf(this.#party) ? lock : undefined;
  }

  /** Refuses new acquisitions and ends those that wait, with a LockShutdownError. Idempotent. */
  refuse(): void {
    this.#refusing = true;
    for (const gate of this.#gates.all()) gate.refuseAll(new LockShutdownError(gate.key));
  }

  /** Waits until nothing is held, for at most `grace` ms; then gives up what still is: its holders see it lost. */
  async drain(grace: number): Promise<void> {
    this.refuse();
    await this.#party.idle(grace);
    await Promise.all(
      this.#party.sections.map((section) => {
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

  #take(
    key: string,
    options: ResolvedAcquire,
    wait: number,
    claim: Claim | undefined,
    site: CallSite | undefined,
  ): Promise<Section> {
    if (this.#refusing) return Promise.reject(new LockShutdownError(key));
    if (options.signal?.aborted) return Promise.reject(new LockAbortedError(key, 0, options.signal.reason));
    if (wait <= 0) return this.#takeOnce(key, options);
    const waiting = claim === undefined ? undefined : this.waits.begin(key, claim, site, options.sharing);
    if (waiting === undefined) return this.#gates.of(key).join(options, wait);
    if (waiting instanceof LockDeadlockError) return Promise.reject(waiting);
    return waiting.during(this.#gates.of(key).join(options, wait));
  }

  #takeOnce(key: string, options: ResolvedAcquire): Promise<Section> {
    const gate = this.#gates.find(key);
    const refusal = gate?.refusal(options.sharing);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (gate?.surelyHeld === true) return Promise.reject(gate.busy(0));
    return takeOnce(this.#party, key, options);
  }

  #takeAll(
    keys: readonly string[],
    options: ResolvedAcquire,
    under: Claim | undefined,
    site: CallSite | undefined,
  ): Promise<Section[]> {
    const taken = new TakenKeys(this.waits, under, options.sharing);
    return takeAll(this.#party, keys, options, taken, (key, wait) =>
      this.#take(key, options, wait, taken, site),
    );
  }

  #recovered(): void {
    for (const lease of this.#party.keeper) lease.hasten();
    this.#gates.nudge();
  }
}

function refused(error: unknown): never {
  if (error instanceof LockBusyError && observed('busy')) {
    publish({ name: 'busy', key: error.key, waited: error.waited });
  }
  throw forCaller(error);
}
