/** The engine of a module: takes one key or several, knows what is held, and shuts down. */
import {
  forCaller,
  LockAbortedError,
  LockDeadlockError,
  LockNotHeldError,
  LockShutdownError,
} from '../../errors/index.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';
import { callerFacts } from '../options/origin.js';
import { type CallSite, CallSites } from '../deadlock/call-sites.js';
import { type Clock, systemClock } from '../time/clock.js';
import { observed, publish } from '../events/diagnostics.js';
import type { LockEventSink } from '../events/events.js';
import { Inspector } from '../inspector/inspector.js';
import type { InspectionMode } from '../inspector/listening.js';
import { KeyRegistry } from './key-registry.js';
import { NestedHandle } from '../holds/nested.handle.js';
import { NestedHold } from '../holds/nested-hold.js';
import type { Lock } from '../contracts/lock.js';
import { type HeldLock, LockHandle } from '../holds/lock.handle.js';
import { EngineContext } from '../runtime/engine-context.js';
import type { Hold } from '../holds/hold.js';
import { PartialAcquisition, acquireAll } from '../holds/acquire-all.js';
import { busy, refused } from './refusals.js';
import { tryAcquire } from './try-acquire.js';
import { type Caller, HoldCaller, LockCaller, type LockMaker } from '../queue/caller.js';
import type { LockStore } from '../contracts/store.contract.js';
import { TokenGenerator, newSessionId } from '../contracts/token.js';
import { type HeldKeys, WaitGraph } from '../deadlock/wait-for-graph.js';

export interface LockEngineSettings {
  readonly store: LockStore;
  /** The label that the tokens have. */
  readonly owner: string;
  /** The limit of waiters for each key. `Infinity` for no limit. */
  readonly maxWaiters: number;
  /** The age at which a hold is reported as long, in ms. */
  readonly longHold: number;
  /** Gets the events that are logged: `lost`, `long-hold`, `store-error`. */
  readonly emit: LockEventSink;
  /** When this process begins to answer questions about its locks. @default 'auto' */
  readonly inspection?: InspectionMode;
  /** @default the clock of the store, if it has one */
  readonly clock?: Clock;
}

export class LockEngine {
  /** The wait-for graph of the engine's callers. */
  readonly waits = new WaitGraph((key) => this.#registry.find(key)?.writerFirst === true);
  readonly inspector: Inspector;
  readonly callSite: CallSites['capture'];
  readonly #context: EngineContext;
  readonly #registry: KeyRegistry;
  readonly #maker: LockMaker;
  readonly #fenceDomainOf = (key: string): string => this.#context.session.fenceDomainOf(key);
  #refusing = false;

  constructor(settings: LockEngineSettings) {
    const clock = settings.clock ?? settings.store.clock ?? systemClock;
    const sessionId = newSessionId();
    const session = settings.store.open(sessionId, {
      onGrant: (key, token, fence, unverified) => this.#registry.onGrant(key, token, fence, unverified),
      onReconnected: (fenceDomain) => this.#registry.onReconnected(fenceDomain),
      onRecovered: () => this.#recovered(),
      onMessage: (message) => this.inspector.onMessage(message),
    });
    this.callSite = new CallSites(clock).capture;
    this.#maker = {
      deferred: () => this.#refusing || observed('acquire'),
      lockOf: (hold, site) => this.#handOut([hold], site),
      refused: (error, each) => refused(error, each, this.inspector),
    };
    this.#context = new EngineContext({
      session,
      tokens: new TokenGenerator(sessionId, settings.owner),
      clock,
      longHold: settings.longHold,
      sink: (event) => {
        this.inspector.note(event);
        settings.emit(event);
      },
    });
    this.#registry = new KeyRegistry(this.#context, settings.maxWaiters);
    this.inspector = new Inspector({
      context: this.#context,
      sessionId,
      mode: settings.inspection ?? 'auto',
      source: this.#registry.factSource(settings.owner),
      graph: this.waits,
    });
  }

  /**
   * Takes all keys, or none.
   * @param keys sorted, distinct and checked. Because keys are sorted, two callers never wait for each other.
   * @param under what the caller already holds, if anything.
   */
  acquire(
    keys: readonly string[],
    options: ResolvedAcquire,
    under?: HeldKeys,
    now = this.#context.clock.monotonic(),
    site = this.callSite(now),
  ): Promise<HeldLock> {
    const key = keys.length === 1 ? keys[0] : undefined;
    if (key !== undefined)
      return this.#take(key, new LockCaller(this.#maker, options, now, site, under), options.wait);
    return this.#acquireAll(keys, options, under, site).then(
      (holds) => this.#handOut(holds, site),
      (error: unknown) => refused(error, options, this.inspector),
    );
  }

  /**
   * As `acquire`, for a caller that already holds some of the keys, or all.
   * @param missing the other keys. All of them sort behind the held keys.
   */
  async join(
    held: readonly Hold[],
    missing: readonly string[],
    options: ResolvedAcquire,
    under?: HeldKeys,
    site = this.callSite(),
  ): Promise<HeldLock> {
    for (const hold of held) if (hold.inDoubt) await hold.settled();
    // A hold may have ended while another one was in doubt. A nested hold of an ended hold would never learn of the end.
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
      return refused(error, options, this.inspector);
    }
    if (handle.lost !== undefined) {
      // The outer call has ended while this call waited for the missing keys.
      await Promise.all(own.map((hold) => hold.releaseUnused()));
      await handle.release();
      throw forCaller(handle.lost);
    }
    if (options.minHold > 0) for (const hold of held) hold.extendMinHold(options.minHold);
    return handle;
  }

  #handOut(holds: readonly Hold[], site: CallSite | undefined, nested?: readonly NestedHold[]): LockHandle {
    // A call that only joins takes no further key. It may go on, so that running work can finish.
    if (this.#refusing && holds.length > 0) {
      for (const hold of holds) this.#context.tasks.track(hold.releaseUnused());
      throw new LockShutdownError(holds[0]?.key ?? '');
    }
    for (const hold of holds) {
      hold.site = site;
      const { key, waited, fence, options } = hold;
      if (observed('acquire')) publish({ name: 'acquire', key, waited, fence, ...callerFacts(options) });
    }
    return nested === undefined
      ? new LockHandle(holds, this.#fenceDomainOf)
      : new NestedHandle(nested, holds, this.#fenceDomainOf);
  }

  /** The lock, if this engine made it. */
  ownOf(lock: Lock): HeldLock | undefined {
    return lock instanceof LockHandle && lock.isOf(this.#context) ? lock : undefined;
  }

  /** Refuses new acquisitions, and ends all waits, with a LockShutdownError. Idempotent. */
  refuse(): void {
    this.#refusing = true;
    for (const coordinator of this.#registry.all())
      coordinator.refuseAll(new LockShutdownError(coordinator.key));
  }

  /** Waits until no lock is held, for at most `grace` ms. Then all remaining locks are lost, and are released. */
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

  /** Ends the session with the store. The owner of the store closes the store itself. */
  async close(): Promise<void> {
    this.refuse();
    await this.#context.tasks.close();
    this.#context.timer.end();
    await this.#context.session.close();
  }

  /** How many keys have a waiter or a lease here. @internal */
  get keyCount(): number {
    return this.#registry.size;
  }

  #take<T>(key: string, caller: Caller<T>, wait: number): Promise<T> {
    const { options, heldKeys, site } = caller;
    if (this.#refusing) return caller.rejected(new LockShutdownError(key));
    if (options.signal?.aborted) return caller.rejected(new LockAbortedError(key, 0, options.signal.reason));
    if (wait <= 0) {
      return this.#tryAcquire(key, options).then(
        (hold) => caller.granted(hold),
        (error: unknown) => caller.refused(error),
      );
    }
    const waiting =
      heldKeys === undefined ? undefined : this.waits.begin(key, heldKeys, site, options.access);
    if (waiting === undefined) return this.#registry.acquire(key, caller, wait);
    if (waiting instanceof LockDeadlockError) return caller.rejected(waiting);
    return waiting.during(this.#registry.acquire(key, caller, wait));
  }

  #tryAcquire(key: string, options: ResolvedAcquire): Promise<Hold> {
    const coordinator = this.#registry.find(key);
    const refusal = coordinator?.refusal(options.access);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (coordinator?.surelyHeld === true) return Promise.reject(busy(0, coordinator));
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
      this.#take(key, new HoldCaller(options, this.#context.clock.monotonic(), site, taken), wait),
    );
  }

  #recovered(): void {
    for (const lease of this.#context.renewals) lease.renewSoon();
    this.#registry.onReconnected();
  }
}
