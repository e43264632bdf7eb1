/** A store in this process's memory: for tests and for applications that run once. Excludes nobody outside it. */
import { type Clock, systemClock } from '../../core/clock.js';
import { runOutside } from '../../core/outside.js';
import {
  type Answer,
  type Ask,
  type LockStore,
  type LockStoreListener,
  type LockStoreSession,
  OFFER_MS,
  type RenewReply,
  type RenewRequest,
  type TurnReply,
  type TurnRequest,
} from '../../core/store.contract.js';
import { partyOf } from '../../core/token.js';
import { MemoryFences } from './memory.fences.js';
import { MemoryKey } from './memory.key.js';

export interface MemoryStoreOptions {
  /** Of the leases of the modules that use the store, too. @default the system's clock */
  clock?: Clock;
}

/** Locks in memory. One store may serve several modules, which then exclude each other. */
export function memoryStore(options: MemoryStoreOptions = {}): LockStore {
  return new MemoryLockStore(options.clock ?? systemClock);
}

class MemoryLockStore implements LockStore {
  readonly #keys = new Map<string, MemoryKey>();
  readonly #listeners = new Map<string, LockStoreListener>();
  readonly #fences: MemoryFences;

  constructor(readonly clock: Clock) {
    this.#fences = MemoryFences.of(clock);
  }

  open(party: string, listener: LockStoreListener): LockStoreSession {
    this.#listeners.set(party, listener);
    return {
      queues: true,
      isAwake: () => true,
      counterOf: () => '',
      turn: (request) => Promise.resolve(this.#turn(request)),
      renew: (request) => Promise.resolve(this.#renew(request)),
      listen: () => Promise.resolve(),
      close: () => {
        this.#listeners.delete(party);
        return Promise.resolve();
      },
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #turn({ key, giveUp, ask }: TurnRequest): TurnReply {
    const state = this.#key(key);
    let released = false;
    if (giveUp !== undefined) {
      const { token, keepFor } = giveUp;
      released = state.giveUp(token, keepFor === undefined ? undefined : this.clock.monotonic() + keepFor);
      state.leave(token);
    }
    const answer = ask === undefined ? undefined : this.#ask(key, state, ask);
    this.#promote(key, state);
    if (state.unused) this.#keys.delete(key);
    else this.#keys.set(key, state);
    return answer === undefined ? { released } : { released, answer };
  }

  #ask(key: string, state: MemoryKey, ask: Ask): Answer {
    const { token, mode } = ask;
    const until = this.clock.monotonic() + ask.ttl;
    if (mode !== 'look' && !state.holds(token) && state.queued(token) === undefined) {
      // Dead ones at the head are no reason to refuse the ask.
      if (state.otherKind(token) !== undefined) this.#promote(key, state);
      const kind = state.otherKind(token);
      if (kind !== undefined) return { state: 'mixed', kind };
      if (mode === 'queue') state.enqueue(token, ask.place, this.#fences.now);
    }
    this.#promote(key, state, { token, until });
    if (mode === 'once' && !state.holds(token) && state.length === 0 && state.fits(token)) {
      state.hold(token, until);
    }
    if (state.holds(token)) {
      state.extend(token, until);
      return { state: 'granted', ...this.#fences.draw(ask.sections) };
    }
    const holder = state.holder(this.clock.monotonic());
    if (mode === 'once') return { state: 'busy', ...holder };
    const queued = state.queued(token);
    if (queued === undefined) return { state: 'gone' };
    return { state: 'queued', ...holder, ...queued, length: state.length, fence: this.#fences.last };
  }

  /**
   * Grants the key to the first of its queue for as long as they fit. Who does not listen any more is skipped; the asking
   * token learns of it by its own reply.
   */
  #promote(key: string, state: MemoryKey, asking?: { readonly token: string; readonly until: number }): void {
    for (let token = state.head; token !== undefined && state.fits(token); token = state.head) {
      state.leave(token);
      if (token === asking?.token) {
        state.hold(token, asking.until);
        continue;
      }
      const listener = this.#listeners.get(partyOf(token) ?? '');
      if (listener === undefined) continue;
      state.hold(token, this.clock.monotonic() + OFFER_MS);
      this.#offer(listener, key, token);
    }
  }

  #offer(listener: LockStoreListener, key: string, token: string): void {
    const { fence } = this.#fences.draw(1);
    // Not by queueMicrotask: fake timers hold it up. It is not part of the work of whoever gave the key back.
    runOutside(() => void Promise.resolve().then(() => listener.offered(key, token, fence)));
  }

  #renew({ key, token, ttl, sections }: RenewRequest): RenewReply {
    const state = this.#key(key);
    if (!state.holds(token)) return { held: false, fence: 0 };
    state.extend(token, this.clock.monotonic() + ttl);
    return sections > 0 ? { held: true, ...this.#fences.draw(sections) } : { held: true, fence: 0 };
  }

  /** The key as it stands now: a holder whose time is over is none. */
  #key(key: string): MemoryKey {
    const state = this.#keys.get(key) ?? new MemoryKey();
    state.prune(this.clock.monotonic());
    return state;
  }
}
