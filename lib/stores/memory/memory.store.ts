/** A store in this process's memory: for tests and for applications that run once. Excludes nobody outside it. */
import { type Clock, systemClock } from '../../core/clock.js';
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

export interface MemoryStoreOptions {
  /** @default the system's clock */
  clock?: Clock;
}

/** Locks in memory. One store may serve several modules, which then exclude each other. */
export function memoryStore(options: MemoryStoreOptions = {}): LockStore {
  return new MemoryLockStore(options.clock ?? systemClock);
}

/** A key: who holds it until when, and who queues for it. */
interface Entry {
  owner: string;
  /** On the clock's monotonic time; `owner` counts only before it. */
  until: number;
  /** By token, in the order of `place`. */
  readonly queue: { token: string; place: number }[];
}

class MemoryLockStore implements LockStore {
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Map<string, LockStoreListener>();
  #lastFence = 0;

  constructor(private readonly clock: Clock) {}

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
    const entry = this.#entry(key);
    let released = false;
    if (giveUp !== undefined) {
      released = entry.owner === giveUp.token;
      if (released && giveUp.keepFor !== undefined) entry.until = this.clock.monotonic() + giveUp.keepFor;
      else if (released) entry.owner = '';
      remove(entry, giveUp.token);
    }
    const answer = ask === undefined ? undefined : this.#ask(key, entry, ask);
    if (entry.owner === '') this.#promote(key, entry);
    if (entry.owner !== '' || entry.queue.length > 0) this.#entries.set(key, entry);
    else this.#entries.delete(key);
    return answer === undefined ? { released } : { released, answer };
  }

  #ask(key: string, entry: Entry, ask: Ask): Answer {
    const queued = entry.queue.some((waiting) => waiting.token === ask.token);
    if (ask.mode === 'queue' && !queued && entry.owner !== ask.token) {
      enqueue(entry, ask.token, ask.place, this.#microseconds());
    }
    if (entry.owner === '') this.#promote(key, entry, ask.token);
    const free = entry.owner === '' && ask.mode === 'once';
    if (free || entry.owner === ask.token) {
      entry.owner = ask.token;
      entry.until = this.clock.monotonic() + ask.ttl;
      return { state: 'granted', fence: this.#fences(ask.sections), drawn: ask.sections };
    }
    const holder = { holder: entry.owner, remaining: Math.max(0, entry.until - this.clock.monotonic()) };
    if (ask.mode === 'once') return { state: 'busy', ...holder };
    const index = entry.queue.findIndex((waiting) => waiting.token === ask.token);
    const place = entry.queue[index]?.place;
    if (place === undefined) return { state: 'gone' };
    return {
      state: 'queued',
      ...holder,
      place,
      length: entry.queue.length,
      first: index === 0,
      fence: this.#lastFence,
    };
  }

  /** Hands a free key to the first of its queue whose party still listens. `asking` learns of it by its own reply. */
  #promote(key: string, entry: Entry, asking?: string): void {
    for (let head = entry.queue.shift(); head !== undefined; head = entry.queue.shift()) {
      const { token } = head;
      const listener = this.#listeners.get(partyOf(token) ?? '');
      if (token !== asking && listener === undefined) continue;
      entry.owner = token;
      entry.until = this.clock.monotonic() + OFFER_MS;
      if (token === asking || listener === undefined) return;
      const fence = this.#fences(1);
      queueMicrotask(() => listener.offered(key, token, fence));
      return;
    }
  }

  #renew({ key, token, ttl, sections }: RenewRequest): RenewReply {
    const entry = this.#entry(key);
    if (entry.owner !== token) return { held: false, fence: 0 };
    entry.until = Math.max(entry.until, this.clock.monotonic() + ttl);
    return { held: true, fence: sections > 0 ? this.#fences(sections) : 0 };
  }

  /** The key as it stands now: an owner whose time is over is none. */
  #entry(key: string): Entry {
    const entry = this.#entries.get(key) ?? { owner: '', until: 0, queue: [] };
    if (entry.until <= this.clock.monotonic()) entry.owner = '';
    return entry;
  }

  /** Draws consecutive fences and returns the first. */
  #fences(count: number): number {
    const first = Math.max(this.#lastFence + 1, this.#microseconds());
    this.#lastFence = first + count - 1;
    return first;
  }

  #microseconds(): number {
    return Math.round(this.clock.wall() * 1000);
  }
}

function remove(entry: Entry, token: string): void {
  const index = entry.queue.findIndex((waiting) => waiting.token === token);
  if (index >= 0) entry.queue.splice(index, 1);
}

/** A new place is behind all others; one that is taken back is where it was. */
function enqueue(entry: Entry, token: string, former: number | undefined, now: number): void {
  const place = former ?? Math.max((entry.queue.at(-1)?.place ?? 0) + 1, now);
  const index = entry.queue.findIndex((waiting) => waiting.place > place);
  entry.queue.splice(index < 0 ? entry.queue.length : index, 0, { token, place });
}
