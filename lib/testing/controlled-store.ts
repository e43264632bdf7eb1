/** A store in memory that a test can disconnect. The test can also make its sessions check and renew. */
import type { Clock } from '../core/time/clock.js';
import type { LockStore, LockStoreListener, LockStoreSession } from '../core/contracts/store.contract.js';
import { LockStoreError } from '../errors/index.js';
import { memoryStore } from '../stores/memory/memory.store.js';

/** Passes each command to a store in memory, and fails while it is down. */
export class ControlledStore implements LockStore {
  readonly #memory: LockStore;
  readonly #listeners = new Set<LockStoreListener>();
  readonly #renewals = new Map<string, () => void>();
  #down = false;

  /** @param clock the clock of the store, and of the leases of the services on it. */
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
    if (!down) this.wakeSessions();
  }

  /** Makes each waiting request check, and each lease renew. */
  wakeSessions(): void {
    for (const listener of this.#listeners) {
      listener.onReconnected();
      listener.onRecovered();
    }
  }

  /** Resolves after the next reply to a renewal of the token, whether the renewal succeeded or not. */
  renewed(token: string): Promise<void> {
    return new Promise((resolve) => {
      this.#renewals.set(token, () => {
        this.#renewals.delete(token);
        resolve();
      });
    });
  }

  #whileUp<T>(command: () => Promise<T>): Promise<T> {
    return this.#down ? Promise.reject(new LockStoreError(DISCONNECTED)) : command();
  }
}

const DISCONNECTED = 'The store of the locks does not answer: the test has called LockControls.disconnect().';
