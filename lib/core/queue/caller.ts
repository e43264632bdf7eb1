/** A call that waits for a key: what it wants, and what it gets. */
import type { CallSite } from '../deadlock/call-sites.js';
import type { HeldKeys } from '../deadlock/wait-for-graph.js';
import type { HeldLock } from '../holds/lock.handle.js';
import type { Hold } from '../holds/hold.js';
import type { ResolvedAcquire } from '../options/acquire.options.js';

/** @typeParam T what the call resolves to. */
export abstract class Caller<T> {
  /**
   * @param since when the call began to wait, on the monotonic clock.
   * @param site where the call was made, and `heldKeys` what it holds meanwhile. Both are for the inspection of locks.
   */
  constructor(
    readonly options: ResolvedAcquire,
    readonly since: number,
    readonly site: CallSite | undefined,
    readonly heldKeys: HeldKeys | undefined,
  ) {}

  /** Makes the result of the call from its hold, when the hold starts. Must run no code of the application. */
  abstract granted(hold: Hold): T | Promise<T>;

  /** Throws the error that the call ends with. Called in a reaction of the promise that the call waits for. */
  abstract refused(error: unknown): never;

  /**
   * A promise that rejects with what the call makes of the error. It rejects one job later, when the promise that is
   * resolved with it, and that the caller awaits, has its reaction: then the stack of the error leads to the caller.
   */
  rejected(error: unknown): Promise<never> {
    // No queueMicrotask: fake timers replace it.
    const later = Promise.resolve().then(() => Promise.reject(error as Error));
    return later.catch((reason: unknown) => this.refused(reason));
  }
}

/** A call for a hold, as a step of a larger one. */
export class HoldCaller extends Caller<Hold> {
  granted(hold: Hold): Hold {
    return hold;
  }

  refused(error: unknown): never {
    throw error;
  }
}

/** The engine, as a call for a lock sees it. */
export interface LockMaker {
  /** Whether a lock must not be made at once: subscribers are told of it, or it must be refused. */
  deferred(): boolean;
  lockOf(hold: Hold, site: CallSite | undefined): HeldLock;
  /** Throws the error for the code that has called. */
  refused(error: unknown, options: ResolvedAcquire): never;
}

/** A call for the lock of one key. The lock is made as soon as its hold starts, because a further promise costs time. */
export class LockCaller extends Caller<HeldLock> {
  readonly #maker: LockMaker;

  constructor(
    maker: LockMaker,
    options: ResolvedAcquire,
    since: number,
    site: CallSite | undefined,
    heldKeys: HeldKeys | undefined,
  ) {
    super(options, since, site, heldKeys);
    this.#maker = maker;
  }

  granted(hold: Hold): HeldLock | Promise<HeldLock> {
    const maker = this.#maker;
    return maker.deferred()
      ? Promise.resolve(hold).then((each) => maker.lockOf(each, this.site))
      : maker.lockOf(hold, this.site);
  }

  refused(error: unknown): never {
    return this.#maker.refused(error, this.options);
  }
}
