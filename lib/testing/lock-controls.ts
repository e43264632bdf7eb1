/**
 * A test's control over the locks of its code: it holds keys, ends leases, disconnects the store and reads the calls.
 */
import type { Clock } from '../core/time/clock.js';
import type { LockStore, LockStoreSession } from '../core/contracts/store.contract.js';
import { TokenGenerator, newSessionId } from '../core/contracts/token.js';
import { quoted } from '../errors/index.js';
import { realClock, realPause } from './clocks.js';
import { ControlledStore } from './controlled-store.js';
import type { LockCall } from './lock-call.js';

/** The holder's label in the error of a busy lock. */
const OTHER_OWNER = 'another process';

/**
 * How long `expire` waits for the renewal that finds out about the loss, in ms. A lock with `renew: false` sends no
 * renewal, and finds out at the end of its ttl.
 */
const RENEWAL_WITHIN = 200;

export interface LockControlsOptions {
  /**
   * The one clock of the store, the leases and the waits. `timersClock` follows the fake timers of jest or vitest. A
   * test can also give a clock of its own and advance it.
   * @default real time, which fake timers do not move
   */
  clock?: Clock;
}

/**
 * Locks in memory that a test controls. Pass the controls to `LockTestingModule.forRoot({ controls })` or to
 * `memoryLocks(controls)`. If only a store can be given, pass `controls.store`.
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
    this.#tokens = new TokenGenerator(sessionId, OTHER_OWNER);
    this.#other = this.#store.open(sessionId, {
      onGrant: () => undefined,
      onReconnected: () => undefined,
      onRecovered: () => undefined,
    });
  }

  /** The store for an application: `overrideProvider(getLockStoreToken()).useValue(controls.store)`. */
  get store(): LockStore {
    return this.#store;
  }

  /** The calls of the services with these controls, in their order. */
  get calls(): readonly LockCall[] {
    return this.#calls;
  }

  /** The calls that named this key, alone or with other keys. */
  callsOf(key: string): readonly LockCall[] {
    return this.#calls.filter(({ keys }) => keys.includes(key));
  }

  /**
   * Forgets the calls, releases the keys of {@link hold}, and reconnects the store. Call this method between two tests.
   */
  async reset(): Promise<void> {
    this.reconnect();
    await Promise.all([...this.#held.keys()].map((key) => this.release(key)));
    this.#calls.length = 0;
  }

  /**
   * Holds the key as another process would, until {@link release}. A caller that requests the key waits, or finds it
   * busy.
   * @param ttl how long the lease of the other process runs, in ms.
   * @throws Error if the key is held already.
   */
  async hold(key: string, ttl = 30_000): Promise<void> {
    const token = this.#tokens.next();
    const { acquire: reply } = await this.#other.exchange({
      key,
      acquire: { token, ttl, fences: 1, mode: 'once' },
    });
    if (reply?.state !== 'granted') throw new Error(`LockControls.hold: ${quoted(key)} is held already.`);
    this.#held.set(key, token);
  }

  /**
   * Releases a key that {@link hold} holds. The first waiter gets the key.
   * @throws Error if {@link hold} does not hold the key.
   */
  async release(key: string): Promise<void> {
    const token = this.#held.get(key);
    if (token === undefined) throw new Error(`LockControls.release: hold(${quoted(key)}) was not called.`);
    this.#held.delete(key);
    await this.#other.exchange({ key, release: { token } });
  }

  /**
   * Takes a key away from the code that holds it, as if the lease had ended. The promise resolves when the code knows
   * about the loss: `signal` is aborted, and `held` is false. `@Locked` and `using` reject with a LockLostError when
   * the work has settled. (With `renew: false` the code finds out only at the end of its ttl, as with Redis. `expire`
   * then waits 200 ms.)
   * @throws Error if the key is held by nobody.
   */
  async expire(key: string): Promise<void> {
    const token = this.#tokens.next();
    const { acquire: reply } = await this.#other.exchange({
      key,
      acquire: { token, ttl: 1, fences: 1, mode: 'once' },
    });
    if (reply?.state !== 'busy' || reply.holder === '') {
      await this.#other.exchange({ key, release: { token } });
      throw new Error(`LockControls.expire: ${quoted(key)} is held by nobody.`);
    }
    const renewed = this.#store.renewed(reply.holder);
    await this.#other.exchange({ key, release: { token: reply.holder } });
    this.#store.wakeSessions();
    await Promise.race([renewed, realPause(RENEWAL_WITHIN)]);
    // Lets the code react to the reply.
    await realPause(0);
  }

  /** Disconnects the store. Requests then fail with a LockStoreError, and leases are not renewed. */
  disconnect(): void {
    this.#store.down = true;
  }

  /** Connects the store again. */
  reconnect(): void {
    this.#store.down = false;
  }

  /** @internal The list to which the services add their calls. */
  get record(): LockCall[] {
    return this.#calls;
  }
}
