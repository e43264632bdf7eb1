/** The engine of a module: takes keys, one or several; counts what is held; shuts down. */
import {
  forCaller,
  LockAbortedError,
  LockBusyError,
  LockDeadlockError,
  LockNotHeldError,
  LockShutdownError,
} from '../../errors/index.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import { type CallSite, CallSites } from '../deadlock/call-sites.js';
import { type Clock, systemClock } from '../time/clock.js';
import { observed, publish } from '../events/diagnostics.js';
import type { LockEventSink } from '../events/events.js';
import { KeyRegistry } from './key-registry.js';
import { NestedHandle } from '../holds/nested.handle.js';
import { NestedHold } from '../holds/nested-hold.js';
import type { Lock } from '../contracts/lock.js';
import { type HeldLock, LockHandle } from '../holds/lock.handle.js';
import { EngineContext } from '../runtime/engine-context.js';
import type { Hold } from '../holds/hold.js';
import { PartialAcquisition, acquireAll } from './acquire-all.js';
import { tryAcquire } from './try-acquire.js';
import type { LockStore } from '../contracts/store.contract.js';
import { TokenGenerator, newSessionId } from '../contracts/token.js';
import { type HeldKeys, WaitGraph } from '../deadlock/wait-for-graph.js';

export interface LockEngineSettings {
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

export class LockEngine {
  /** Who of its callers waits for whom. */
  readonly waits = new WaitGraph((key) => this.#registry.find(key)?.writerFirst === true);
  readonly #context: EngineContext;
  readonly #registry: KeyRegistry;
  readonly #fenceDomainOf = (key: string): string => this.#context.session.fenceDomainOf(key);
  readonly #sites: CallSites;
  #refusing = false;

  constructor(settings: LockEngineSettings) {
    const clock = settings.clock ?? settings.store.clock ?? systemClock;
    const sessionId = newSessionId();
    const session = settings.store.open(sessionId, {
      onGrant: (key, token, fence, unverified) => this.#registry.onGrant(key, token, fence, unverified),
      onReconnected: (fenceDomain) => this.#registry.onReconnected(fenceDomain),
      onRecovered: () => this.#recovered(),
    });
    this.#sites = new CallSites(clock);
    this.#context = new EngineContext({
      session,
      tokens: new TokenGenerator(sessionId, settings.owner),
      clock,
      longHold: settings.longHold,
      sink: settings.emit,
    });
    this.#registry = new KeyRegistry(this.#context, settings.maxWaiters);
  }

  /**
   * Takes all keys, or none.
   * @param keys sorted, distinct, checked: that they are sorted is what keeps two callers from waiting for each other.
   * @param under what the caller holds already, if anything.
   */
  acquire(keys: readonly string[], options: ResolvedAcquire, under?: HeldKeys): Promise<HeldLock> {
    const site = this.#sites.capture();
    const [key] = keys;
    if (key === undefined || keys.length > 1) {
      return this.#acquireAll(keys, options, under, site).then(
        (holds) => this.#handOut(holds, site),
        refused,
      );
    }
    return this.#take(key, options, options.wait, under, site).then(
      (hold) => this.#handOut([hold], site),
      refused,
    );
  }

  /**
   * As `acquire`, for a caller that holds some of the keys already, or all.
   * @param held what it holds of them.
   * @param missing the other keys, all of which sort behind those held.
   */
  async join(
    held: readonly Hold[],
    missing: readonly string[],
    options: ResolvedAcquire,
    under?: HeldKeys,
  ): Promise<HeldLock> {
    const site = this.#sites.capture();
    for (const hold of held) if (hold.inDoubt) await hold.settled();
    // Any of them may have ended while another was in doubt: a share in what is over would never hear of its end.
    for (const { key, lost, released } of held) {
      if (lost !== undefined) throw forCaller(lost);
      if (released) throw new LockNotHeldError(key);
    }
    const nested = held.map((hold) => new NestedHold(hold, this.#context));
    let own: Hold[] = [];
    let handle: LockHandle;
    try {
      if (missing.length > 0) own = await this.#acquireAll(missing, options, under, site);
      handle = this.#handOut(own, site, nested);
    } catch (error) {
      for (const hold of nested) void hold.release();
      return refused(error);
    }
    if (handle.lost !== undefined) {
      // The outer call ended while this one waited for the rest.
      await Promise.all(own.map((hold) => hold.releaseUnused()));
      await handle.release();
      throw forCaller(handle.lost);
    }
    if (options.minHold > 0) for (const hold of held) hold.extendMinHold(options.minHold);
    return handle;
  }

  #handOut(holds: readonly Hold[], site: CallSite | undefined, nested?: readonly NestedHold[]): LockHandle {
    // To join what is held takes nothing more: those who run are to come to their end.
    if (this.#refusing && holds.length > 0) {
      for (const hold of holds) this.#context.tasks.track(hold.releaseUnused());
      throw new LockShutdownError(holds[0]?.key ?? '');
    }
    for (const hold of holds) {
      hold.site = site;
      const { key, waited, fence } = hold;
      if (observed('acquire')) publish({ name: 'acquire', key, waited, fence });
    }
    return nested === undefined
      ? new LockHandle(holds, this.#fenceDomainOf)
      : new NestedHandle(nested, holds, this.#fenceDomainOf);
  }

  /** The lock, if this engine made it. */
  ownOf(lock: Lock): HeldLock | undefined {
    return lock instanceof LockHandle && lock.isOf(this.#context) ? lock : undefined;
  }

  /** Refuses new acquisitions and ends those that wait, with a LockShutdownError. Idempotent. */
  refuse(): void {
    this.#refusing = true;
    for (const coordinator of this.#registry.all())
      coordinator.refuseAll(new LockShutdownError(coordinator.key));
  }

  /** Waits until nothing is held, for at most `grace` ms; then releases what still is: its holders see it lost. */
  async drain(grace: number): Promise<void> {
    this.refuse();
    await this.#context.holds.idle(grace);
    await Promise.all(
      this.#context.holds.all().map((hold) => {
        hold.lose('shutdown');
        return hold.release();
      }),
    );
  }

  /** Ends the session with the store. The store itself is its owner's to close. */
  async close(): Promise<void> {
    this.refuse();
    await this.#context.tasks.close();
    await this.#context.session.close();
  }

  /** How many keys are waited for or held here. @internal */
  get keyCount(): number {
    return this.#registry.size;
  }

  #take(
    key: string,
    options: ResolvedAcquire,
    wait: number,
    heldKeys: HeldKeys | undefined,
    site: CallSite | undefined,
  ): Promise<Hold> {
    if (this.#refusing) return Promise.reject(new LockShutdownError(key));
    if (options.signal?.aborted) return Promise.reject(new LockAbortedError(key, 0, options.signal.reason));
    if (wait <= 0) return this.#tryAcquire(key, options);
    const waiting =
      heldKeys === undefined ? undefined : this.waits.begin(key, heldKeys, site, options.access);
    if (waiting === undefined) return this.#registry.of(key).acquire(options, wait);
    if (waiting instanceof LockDeadlockError) return Promise.reject(waiting);
    return waiting.during(this.#registry.of(key).acquire(options, wait));
  }

  #tryAcquire(key: string, options: ResolvedAcquire): Promise<Hold> {
    const coordinator = this.#registry.find(key);
    const refusal = coordinator?.refusal(options.access);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (coordinator?.surelyHeld === true) return Promise.reject(coordinator.busy(0));
    return tryAcquire(this.#context, key, options);
  }

  #acquireAll(
    keys: readonly string[],
    options: ResolvedAcquire,
    under: HeldKeys | undefined,
    site: CallSite | undefined,
  ): Promise<Hold[]> {
    const taken = new PartialAcquisition(this.waits, under, options.access);
    return acquireAll(this.#context, keys, options, taken, (key, wait) =>
      this.#take(key, options, wait, taken, site),
    );
  }

  #recovered(): void {
    for (const lease of this.#context.renewals) lease.renewSoon();
    this.#registry.onReconnected();
  }
}

function refused(error: unknown): never {
  if (error instanceof LockBusyError && observed('busy')) {
    publish({ name: 'busy', key: error.key, waited: error.waited });
  }
  throw forCaller(error);
}
