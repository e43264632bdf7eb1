/** What a test does to the locks of the code under test: holds them, takes them away, takes the store away, checks on. */
import type { Clock } from '../core/time/clock.js';
import type { LockStore, LockStoreSession } from '../core/contracts/store.contract.js';
import { TokenGenerator, newSessionId } from '../core/contracts/token.js';
import { quoted } from '../errors/index.js';
import { realClock, realPause } from './clocks.js';
import { ControlledStore } from './controlled-store.js';
import type { LockCall } from './lock-call.js';

/** The holder's name in what is told of a busy lock. */
const OTHER = 'another process';

/** How long a lock that was lost is waited for to hear of it: one that is not renewed does not before its end. */
const HEARD_WITHIN = 200;

export interface LockControlsOptions {
  /**
   * The one clock of the locks: of their store, their leases and their waits. `timersClock` goes by jest's or vitest's fake
   * timers; a clock of the test's own is advanced by the test.
   * @default real time, which fake timers do not move
   */
  clock?: Clock;
}

/**
 * Locks in memory, at a test's hand: given to `LockTestingModule.forRoot({ controls })`, to `memoryLocks(controls)`, or, by
 * its `store`, to whatever takes one.
 */
export class LockControls {
  readonly #store: ControlledStore;
  readonly #other: LockStoreSession;
  readonly #tokens: TokenGenerator;
  readonly #held = new Map<string, string>();
  readonly #calls: LockCall[] = [];

  constructor({ clock = realClock }: LockControlsOptions = {}) {
    this.#store = new ControlledStore(clock);
    const sessionId = newSessionId();
    this.#tokens = new TokenGenerator(sessionId, OTHER);
    this.#other = this.#store.open(sessionId, {
      onGrant: () => undefined,
      onReconnected: () => undefined,
      onRecovered: () => undefined,
    });
  }

  /** In the place of the application's: `overrideProvider(getLockStoreToken()).useValue(controls.store)`. */
  get store(): LockStore {
    return this.#store;
  }

  /** What was requested of the services that have these controls, in order. */
  get calls(): readonly LockCall[] {
    return this.#calls;
  }

  /** Those that named a key, or several. */
  callsOf(key: string): readonly LockCall[] {
    return this.#calls.filter(({ keys }) => keys.includes(key));
  }

  /** Forgets the calls, frees what {@link hold} holds, and brings the store back: between two tests. */
  async reset(): Promise<void> {
    this.reconnect();
    await Promise.all([...this.#held.keys()].map((key) => this.release(key)));
    this.#calls.length = 0;
  }

  /**
   * Another process holds the key, until {@link release}: whoever requests it waits, or finds it busy.
   * @param ttl how long it says that its lease runs, in ms.
   * @throws Error when the key is held already.
   */
  async hold(key: string, ttl = 30_000): Promise<void> {
    const token = this.#tokens.next();
    const { acquire: answer } = await this.#other.exchange({
      key,
      acquire: { token, ttl, fences: 1, mode: 'once' },
    });
    if (answer?.state !== 'granted') throw new Error(`LockControls.hold: ${quoted(key)} is held already.`);
    this.#held.set(key, token);
  }

  /** It gives the key back: who waits gets it. */
  async release(key: string): Promise<void> {
    const token = this.#held.get(key);
    if (token === undefined) throw new Error(`LockControls.letGo: hold(${quoted(key)}) was not called.`);
    this.#held.delete(key);
    await this.#other.exchange({ key, release: { token } });
  }

  /**
   * Takes a key away from the code that holds it, as if its lease had run out, and waits until it has learnt of it: its
   * `signal` is aborted, `held` is false, and `@Locked` and `using` reject with a LockLostError once the work has settled.
   * (With `renew: false` it learns of it at the end of its ttl only, as it would from Redis.)
   * @throws Error when nobody holds the key.
   */
  async expire(key: string): Promise<void> {
    const token = this.#tokens.next();
    const { acquire: answer } = await this.#other.exchange({
      key,
      acquire: { token, ttl: 1, fences: 1, mode: 'once' },
    });
    if (answer?.state !== 'busy' || answer.holder === '') {
      await this.#other.exchange({ key, release: { token } });
      throw new Error(`LockControls.lose: ${quoted(key)} is held by nobody.`);
    }
    const told = this.#store.renewed(answer.holder);
    await this.#other.exchange({ key, release: { token: answer.holder } });
    this.#store.notifications();
    await Promise.race([told, realPause(HEARD_WITHIN)]);
    // For what follows from the reply.
    await realPause(0);
  }

  /** The store stops answering: what is requested of it fails with a LockStoreError, what is held is not renewed. */
  disconnect(): void {
    this.#store.down = true;
  }

  /** It answers again. */
  reconnect(): void {
    this.#store.down = false;
  }

  /** @internal For the services that record here. */
  get record(): LockCall[] {
    return this.#calls;
  }
}
