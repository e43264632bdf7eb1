/** A store in memory that a test can take away, and whose sessions it can wake. */
import type { Clock } from '../core/time/clock.js';
import type { LockStore, LockStoreListener, LockStoreSession } from '../core/contracts/store.contract.js';
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

  open(sessionId: string, listener: LockStoreListener): LockStoreSession {
    const session = this.#memory.open(sessionId, listener);
    this.#listeners.add(listener);
    return {
      supportsQueue: true,
      canNotify: (key) => session.canNotify(key),
      fenceDomainOf: (key) => session.fenceDomainOf(key),
      exchange: (request) => this.#whileUp(() => session.exchange(request)),
      renew: async (request) => {
        const reply = await this.#whileUp(() => session.renew(request));
        this.#renewals.get(request.token)?.();
        return reply;
      },
      subscribe: (key) => session.subscribe(key),
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
    if (!down) this.notifications();
  }

  /** Whoever waits checks, and whoever holds renews. */
  notifications(): void {
    for (const listener of this.#listeners) {
      listener.onReconnected();
      listener.onRecovered();
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
