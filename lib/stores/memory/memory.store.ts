/**
 * A store in the memory of this process, for tests and for applications with one process. Other processes are not
 * excluded.
 */
import { type Clock, systemClock } from '../../core/time/clock.js';
import { runOutside } from '../../core/time/outside.js';
import {
  type AcquireReply,
  type AcquireRequest,
  type LockStore,
  type LockStoreListener,
  type LockStoreSession,
  OFFER_MS,
  type RenewReply,
  type RenewRequest,
  type ExchangeReply,
  type ExchangeRequest,
} from '../../core/contracts/store.contract.js';
import { sessionIdOf } from '../../core/contracts/token.js';
import { MemoryFences } from './memory.fences.js';
import { MemoryInspection } from './memory.inspection.js';
import { MemoryKey } from './memory.key.js';

export interface MemoryStoreOptions {
  /** The modules that use the store measure their leases by this clock, too. @default the system's clock */
  clock?: Clock;
}

/** Locks in memory. One store may serve several modules. These modules then exclude each other. */
export function memoryStore(options: MemoryStoreOptions = {}): LockStore {
  return new MemoryLockStore(options.clock ?? systemClock);
}

class MemoryLockStore implements LockStore {
  readonly #keys = new Map<string, MemoryKey>();
  readonly #listeners = new Map<string, LockStoreListener>();
  readonly #fences: MemoryFences;
  readonly #inspection: MemoryInspection;

  constructor(readonly clock: Clock) {
    this.#fences = MemoryFences.of(clock);
    this.#inspection = new MemoryInspection({
      clock,
      fences: this.#fences,
      listeners: this.#listeners,
      keys: () => this.#keys.keys(),
      find: (key) => this.#key(key),
    });
  }

  open(sessionId: string, listener: LockStoreListener): LockStoreSession {
    this.#listeners.set(sessionId, listener);
    return {
      supportsQueue: true,
      canNotify: () => true,
      fenceDomainOf: () => '',
      exchange: (request) => Promise.resolve(this.#exchange(request)),
      renew: (request) => Promise.resolve(this.#renew(request)),
      subscribe: () => Promise.resolve(),
      inspection: this.#inspection,
      close: () => {
        this.#listeners.delete(sessionId);
        return Promise.resolve();
      },
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #exchange({ key, release, acquire: request }: ExchangeRequest): ExchangeReply {
    const state = this.#key(key);
    let released = false;
    if (release !== undefined) {
      const { token, releaseAfter } = release;
      released = state.release(
        token,
        releaseAfter === undefined ? undefined : this.clock.monotonic() + releaseAfter,
      );
      state.leave(token);
    }
    const reply = request === undefined ? undefined : this.#request(key, state, request);
    this.#promote(key, state);
    if (state.unused) this.#keys.delete(key);
    else this.#keys.set(key, state);
    return reply === undefined ? { released } : { released, acquire: reply };
  }

  #request(key: string, state: MemoryKey, request: AcquireRequest): AcquireReply {
    const { token, mode } = request;
    const until = this.clock.monotonic() + request.ttl;
    if (mode !== 'check' && !state.holds(token) && state.queueScore(token) === undefined) {
      // Waiters of closed sessions at the head are no reason to refuse the request.
      if (state.otherKind(token) !== undefined) this.#promote(key, state);
      const kind = state.otherKind(token);
      if (kind !== undefined) return { state: 'kind-conflict', kind };
      if (mode === 'queue') state.enqueue(token, request.queueScore, this.#fences.now);
    }
    this.#promote(key, state, { token, until });
    if (mode === 'once' && !state.holds(token) && state.length === 0 && state.fits(token)) {
      state.hold(token, until);
    }
    if (state.holds(token)) {
      state.extend(token, until);
      return { state: 'granted', ...this.#fences.draw(request.fences) };
    }
    const holder = state.holder(this.clock.monotonic());
    if (mode === 'once') return { state: 'busy', ...holder };
    const queued = state.queueScore(token);
    if (queued === undefined) return { state: 'not-queued' };
    return { state: 'queued', ...holder, ...queued, length: state.length, fence: this.#fences.last };
  }

  /**
   * Grants the key to the first tokens of the queue, as long as each can hold the key beside its holders. A token of a
   * closed session is skipped. The requesting token gets no offer: its reply tells that the key was granted.
   */
  #promote(
    key: string,
    state: MemoryKey,
    requesting?: { readonly token: string; readonly until: number },
  ): void {
    for (let token = state.head; token !== undefined && state.fits(token); token = state.head) {
      state.leave(token);
      if (token === requesting?.token) {
        state.hold(token, requesting.until);
        continue;
      }
      const listener = this.#listeners.get(sessionIdOf(token) ?? '');
      if (listener === undefined) continue;
      state.hold(token, this.clock.monotonic() + OFFER_MS);
      this.#offer(listener, key, token);
    }
  }

  #offer(listener: LockStoreListener, key: string, token: string): void {
    const { fence } = this.#fences.draw(1);
    // Fake timers would delay queueMicrotask. The offer is made outside the async context of the caller that released.
    runOutside(() => void Promise.resolve().then(() => listener.onGrant(key, token, fence)));
  }

  #renew({ key, token, ttl, fences: count }: RenewRequest): RenewReply {
    const state = this.#key(key);
    if (!state.holds(token)) return { held: false, fence: 0 };
    state.extend(token, this.clock.monotonic() + ttl);
    return count > 0 ? { held: true, ...this.#fences.draw(count) } : { held: true, fence: 0 };
  }

  /** The key at this moment, without holders that have expired. */
  #key(key: string): MemoryKey {
    const state = this.#keys.get(key) ?? new MemoryKey();
    state.prune(this.clock.monotonic());
    return state;
  }
}
