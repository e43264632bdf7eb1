/**
 * Given, when and then for the engine on a fake clock: processes share one store, and callers of them acquire and
 * release. Each step ends when all promise jobs have run. A test therefore needs no waits of its own between two steps.
 *
 *     const { a, b, pass, release } = scenario();
 *     const holder = await a.acquire();
 *     const waiter = await b.acquire({ wait: 1_000 });
 *     await pass(500);
 *     await release(holder);
 *     expect(states(holder, waiter)).toEqual(['released', 'holding']);
 */
import type { LockStore } from '../../lib/core/contracts/store.contract.js';
import { EXCLUSIVE, SHARED } from '../../lib/core/contracts/token.js';
import type { HeldLock } from '../../lib/core/holds/lock.handle.js';
import type { ResolvedAcquire } from '../../lib/core/options/acquire.options.js';
import { memoryStore } from '../../lib/stores/memory/memory.store.js';
import { type Core, type CoreSettings, acquiring, core } from './core.js';
import { FakeClock, settle } from './fake-clock.js';

export type Options = Partial<ResolvedAcquire>;

/** Options of a writer, of a reader, and of a caller that takes one of `limit` permits. */
export const writing = (options: Options = {}): Options => ({ access: EXCLUSIVE, ...options });
export const reading = (options: Options = {}): Options => ({ access: SHARED, ...options });
export const permit = (limit: number, options: Options = {}): Options => ({
  access: { kind: 'semaphore', limit },
  ...options,
});

/** A promise that a test observes and does not await. */
export class Watched<T> {
  value: T | undefined;
  error: unknown;
  settled = false;

  constructor(promise: PromiseLike<T>) {
    promise.then(
      (value) => Object.assign(this, { value, settled: true }),
      (error: unknown) => Object.assign(this, { error, settled: true }),
    );
  }

  /** The code of the error that ended the call, if an error ended it. */
  get code(): string | undefined {
    return (this.error as { code?: string } | undefined)?.code;
  }
}

/** Watches a promise, for what no step of a scenario begins. */
export function watch<T>(promise: PromiseLike<T>): Watched<T> {
  return new Watched(promise);
}

/** A call of `acquire()`, and the lock that it got. */
export class Caller extends Watched<HeldLock> {
  /** The lock; for a caller that must have got one by now. */
  get lock(): HeldLock {
    if (this.value === undefined)
      throw new Error(`This caller has no lock: ${this.state}`, { cause: this.error });
    return this.value;
  }

  get fence(): number {
    return this.lock.fence;
  }

  /** `waiting`, `holding`, `released`, `lost`, or the code of the error that refused the caller. */
  get state(): string {
    if (!this.settled) return 'waiting';
    if (this.value === undefined) return this.code ?? String(this.error);
    if (this.value.held) return 'holding';
    return this.value.lost === undefined ? 'released' : 'lost';
  }
}

/** The state of each caller, in the order given. */
export function states(...callers: readonly Caller[]): string[] {
  return callers.map(({ state }) => state);
}

/** Why the lock of each caller was lost; undefined for a lock that was not lost. */
export function lossReasons(...callers: readonly Caller[]): (string | undefined)[] {
  return callers.map(({ lock }) => (lock.lost as { reason?: string } | undefined)?.reason);
}

/** A process: an engine, and the events that it emitted. */
export class Process {
  readonly engine: Core['engine'];
  readonly events: Core['events'];

  constructor(settings: CoreSettings) {
    ({ engine: this.engine, events: this.events } = core(settings));
  }

  /** Begins a call and does not settle: for a test that says itself when promise jobs run. */
  begin(options: Options = {}, keys: readonly string[] = ['k']): Caller {
    return new Caller(this.engine.acquire([...keys], acquiring(options)));
  }

  /** A caller that requests the keys: afterwards it holds them, waits, or was refused. */
  async acquire(options: Options = {}, keys: readonly string[] = ['k']): Promise<Caller> {
    const [caller] = await this.acquireAtOnce([options], keys);
    return caller;
  }

  /** Callers that request the keys in this order, in one tick. */
  async acquireAtOnce(all: readonly Options[], keys: readonly string[] = ['k']): Promise<Caller[]> {
    const callers = all.map((options) => this.begin(options, keys));
    await settle();
    return callers;
  }
}

export interface ScenarioSettings<Store extends LockStore> extends Omit<CoreSettings, 'store' | 'clock'> {
  /** What the processes use in place of the memory store. */
  readonly store?: (memory: LockStore, clock: FakeClock) => Store;
}

export interface Scenario<Store extends LockStore> {
  readonly clock: FakeClock;
  /** The store of `a` and `b`. */
  readonly store: Store;
  /** The memory store below it, for a process that the changes to the store do not concern. */
  readonly memory: LockStore;
  readonly a: Process;
  readonly b: Process;
  /** One more process, on the store of `a` and `b` or on another one. */
  process(store?: LockStore): Process;
  /** Lets `ms` pass: what falls due runs at its time. */
  pass(ms: number): Promise<void>;
  /** Releases locks in one tick: whether each of them was still held. */
  release(...callers: readonly Caller[]): Promise<boolean[]>;
  /** Aborts, for a caller that leaves. */
  leave(leaving: AbortController, reason?: unknown): Promise<void>;
  /** How many keys the engines still know. */
  keyCount(): number;
}

/** Two processes, `a` and `b`, on one memory store, and a clock that moves by `pass` alone. */
export function scenario<Store extends LockStore = LockStore>(
  settings: ScenarioSettings<Store> = {},
): Scenario<Store> {
  const clock = new FakeClock();
  const memory = memoryStore({ clock });
  const { store: change, ...rest } = settings;
  const store = (change?.(memory, clock) ?? memory) as Store;
  const processes: Process[] = [];
  const process = (on: LockStore = store): Process => {
    const made = new Process({ ...rest, clock, store: on });
    processes.push(made);
    return made;
  };
  return {
    clock,
    store,
    memory,
    a: process(),
    b: process(),
    process,
    pass: (ms) => clock.advance(ms),
    async release(...callers) {
      const released = await Promise.all(callers.map(({ lock }) => lock.release()));
      await settle();
      return released;
    },
    async leave(leaving, reason) {
      leaving.abort(reason);
      await settle();
    },
    keyCount: () => processes.reduce((sum, { engine }) => sum + engine.keyCount, 0),
  };
}
