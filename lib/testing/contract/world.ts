/** What the contract suite works with: the store under test, the parties that use it, and what each of them does. */
import { strict as assert } from 'node:assert';
import type {
  Answer,
  Ask,
  LockStore,
  LockStoreSession,
  RenewReply,
  TurnReply,
} from '../../core/store.contract.js';
import { type Sharing, TokenMint, newParty } from '../../core/token.js';

/** What the suite needs of the test runner: jest's, vitest's and node:test's own will do. */
export interface ContractRunner {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void>) => void;
}

/** A store to test, made anew for each test. */
export interface ContractSubject {
  readonly store: LockStore;
  /** Lets `ms` pass for the store. */
  elapse(ms: number): Promise<void>;
  /**
   * Takes a free key for `ms` as a client does that is none of this library's. Left out where the store knows none: what
   * the suite says of them is passed over then.
   */
  occupy?(key: string, ms: number): Promise<void>;
  /** Ends what was made for the test; the store is closed by the suite. */
  dispose?(): Promise<void>;
}

/** The runner as the files of the suite use it. */
export interface Suite {
  readonly describe: (name: string, body: () => void) => void;
  readonly test: (title: string, body: (world: World) => Promise<void>) => void;
}

export interface Offer {
  readonly key: string;
  readonly token: string;
  readonly fence: number;
}

/** A party of the suite: a session, its tokens, and what it was offered. */
export interface Guest {
  readonly session: LockStoreSession;
  readonly offers: Offer[];
  /** A new one; exclusive, if nothing else is said. */
  token(sharing?: Sharing): string;
}

/** The lease of those who have time, in ms. */
export const TTL = 10_000;
/** Short enough to wait for, on a store with a real clock. */
export const SHORT = 150;

export function semaphore(limit: number): Sharing {
  return { kind: 'semaphore', limit };
}

/** A store under test and the parties that use it. */
export class World {
  readonly #guests: Guest[] = [];

  constructor(private readonly subject: ContractSubject) {}

  guest(): Guest {
    const party = newParty();
    const offers: Offer[] = [];
    const session = this.subject.store.open(party, {
      offered: (key, token, fence) => void offers.push({ key, token, fence }),
      awake: () => undefined,
      recovered: () => undefined,
    });
    const mint = new TokenMint(party, 'contract');
    const guest = { session, offers, token: (sharing?: Sharing) => mint.next(sharing) };
    this.#guests.push(guest);
    return guest;
  }

  guests(count: number): Guest[] {
    return Array.from({ length: count }, () => this.guest());
  }

  /** Can the guests wait in a queue? Then they are reachable when it resolves. */
  async queues(...guests: Guest[]): Promise<boolean> {
    if (guests.some(({ session }) => !session.queues)) return false;
    await Promise.all(guests.map(({ session }) => session.listen('k')));
    if (guests.some(({ session }) => !session.queues)) return false;
    assert.ok(guests.every(({ session }) => session.isAwake('k')));
    return true;
  }

  /** Lets a foreign client take the key. `false`: this store knows none. */
  async occupy(key: string, ms: number): Promise<boolean> {
    await this.subject.occupy?.(key, ms);
    return this.subject.occupy !== undefined;
  }

  elapse(ms: number): Promise<void> {
    return this.subject.elapse(ms);
  }

  /** The guest's first offer, or that of the token, once it has come. */
  async offer(guest: Guest, token?: string): Promise<Offer> {
    for (let waited = 0; ; waited += 5) {
      const offer = guest.offers.find((each) => token === undefined || each.token === token);
      if (offer !== undefined) return offer;
      assert.ok(waited < 900, 'no offer came');
      await this.elapse(5);
    }
  }

  async end(): Promise<void> {
    for (const { session } of this.#guests) {
      await session.close();
      await session.close();
    }
    await this.subject.store.close();
    await this.subject.store.close();
    await this.subject.dispose?.();
  }
}

export function ask(guest: Guest, key: string, options: Partial<Ask> = {}): Promise<TurnReply> {
  return guest.session.turn({
    key,
    ask: { token: options.token ?? guest.token(), ttl: TTL, sections: 1, mode: 'once', ...options },
  });
}

export function giveUp(guest: Guest, key: string, token: string): Promise<TurnReply> {
  return guest.session.turn({ key, giveUp: { token } });
}

export function renew(
  guest: Guest,
  key: string,
  token: string,
  { ttl = TTL, sections = 0 }: { ttl?: number; sections?: number } = {},
): Promise<RenewReply> {
  return guest.session.renew({ key, token, ttl, sections });
}

export function lastOf({ fence, drawn }: { readonly fence: number; readonly drawn: number }): number {
  return fence + drawn - 1;
}

export function grantedOf(reply: TurnReply): Answer & { state: 'granted' } {
  assert.equal(reply.answer?.state, 'granted');
  return reply.answer;
}

export function queuedOf(reply: TurnReply): Answer & { state: 'queued' } {
  assert.equal(reply.answer?.state, 'queued');
  return reply.answer;
}

/** Has a new token granted at once, and returns it. */
export async function take(guest: Guest, sharing: Sharing, options: Partial<Ask> = {}): Promise<string> {
  const token = guest.token(sharing);
  grantedOf(await ask(guest, 'k', { token, ...options }));
  return token;
}

/** Has a new token queued, and returns it. */
export async function line(guest: Guest, sharing: Sharing, options: Partial<Ask> = {}): Promise<string> {
  const token = guest.token(sharing);
  queuedOf(await ask(guest, 'k', { token, mode: 'queue', ...options }));
  return token;
}

/** What a new token is told that will not wait. */
export async function attempt(guest: Guest, sharing: Sharing): Promise<Answer['state'] | undefined> {
  return (await ask(guest, 'k', { token: guest.token(sharing) })).answer?.state;
}

/** What a token that was queued is told. */
export async function look(guest: Guest, token: string): Promise<Answer['state'] | undefined> {
  return (await ask(guest, 'k', { token, mode: 'look' })).answer?.state;
}

/** The answer that the key is taken: by whom, and for how long. */
export function busyOf(reply: TurnReply): Answer & { state: 'busy' } {
  assert.equal(reply.answer?.state, 'busy');
  return reply.answer;
}
