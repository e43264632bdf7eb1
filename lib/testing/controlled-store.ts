/** A store in memory that a test can take away, and whose parties it can wake. */
import type { Clock } from '../core/clock.js';
import type { LockStore, LockStoreListener, LockStoreSession } from '../core/store.contract.js';
import { LockStoreError } from '../errors/index.js';
import { memoryStore } from '../stores/memory/memory.store.js';

/** Passes everything on to a store in memory while it is up. */
export class ControlledStore implements LockStore {
  readonly #memory: LockStore;
  readonly #listeners = new Set<LockStoreListener>();
  readonly #renewals = new Map<string, () => void>();
  #down = false;

  /** @param clock of the store, and of the leases of those who use it. */
  constructor(readonly clock: Clock) {
    this.#memory = memoryStore({ clock });
  }

  open(party: string, listener: LockStoreListener): LockStoreSession {
    const session = this.#memory.open(party, listener);
    this.#listeners.add(listener);
    return {
      queues: true,
      isAwake: (key) => session.isAwake(key),
      counterOf: (key) => session.counterOf(key),
      turn: (request) => this.#whileUp(() => session.turn(request)),
      renew: async (request) => {
        const reply = await this.#whileUp(() => session.renew(request));
        this.#renewals.get(request.token)?.();
        return reply;
      },
      listen: (key) => session.listen(key),
      close: async () => {
        this.#listeners.delete(listener);
        await session.close();
      },
    };
  }

  close(): Promise<void> {
    return this.#memory.close();
  }

  get down(): boolean {
    return this.#down;
  }

  set down(down: boolean) {
    this.#down = down;
    if (!down) this.wake();
  }

  /** Whoever waits looks, and whoever holds renews. */
  wake(): void {
    for (const listener of this.#listeners) {
      listener.awake();
      listener.recovered();
    }
  }

  /** Resolves when a token has been renewed, or refused. */
  renewed(token: string): Promise<void> {
    return new Promise((resolve) => {
      this.#renewals.set(token, () => {
        this.#renewals.delete(token);
        resolve();
      });
    });
  }

  #whileUp<T>(verb: () => Promise<T>): Promise<T> {
    return this.#down ? Promise.reject(new LockStoreError(DOWN)) : verb();
  }
}

const DOWN = 'The store of the locks does not answer: the test has called LockControls.goDown().';
