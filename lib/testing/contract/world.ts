/** What the contract suite works with: the store under test, the sessions that use it, and what each of them does. */
import { strict as assert } from 'node:assert';
import type {
  AcquireReply,
  AcquireRequest,
  LockStoreSession,
  RenewReply,
  ExchangeReply,
} from '../../core/contracts/store.contract.js';
import { type LockAccess, TokenGenerator, newSessionId } from '../../core/contracts/token.js';
import type { ContractSubject } from './contract-subject.js';

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

/** A session of the suite: a session, its tokens, and what it was offered. */
export interface Guest {
  readonly session: LockStoreSession;
  readonly offers: Offer[];
  /** A new one; exclusive, if nothing else is said. */
  token(access?: LockAccess): string;
}

/** The lease of those who have time, in ms. */
export const TTL = 10_000;
/** Short enough to wait for, on a store with a real clock. */
export const SHORT = 150;

export function semaphore(limit: number): LockAccess {
  return { kind: 'semaphore', limit };
}

/** A store under test and the sessions that use it. */
export class World {
  readonly #guests: Guest[] = [];

  constructor(private readonly subject: ContractSubject) {}

  guest(): Guest {
    const sessionId = newSessionId();
    const offers: Offer[] = [];
    const session = this.subject.store.open(sessionId, {
      onGrant: (key, token, fence) => void offers.push({ key, token, fence }),
      onReconnected: () => undefined,
      onRecovered: () => undefined,
    });
    const tokens = new TokenGenerator(sessionId, 'contract');
    const guest = { session, offers, token: (access?: LockAccess) => tokens.next(access) };
    this.#guests.push(guest);
    return guest;
  }

  guests(count: number): Guest[] {
    return Array.from({ length: count }, () => this.guest());
  }

  /** Can the guests wait in a queue? Then they are reachable when it resolves. */
  async queues(...guests: Guest[]): Promise<boolean> {
    if (guests.some(({ session }) => !session.supportsQueue)) return false;
    await Promise.all(guests.map(({ session }) => session.subscribe('k')));
    if (guests.some(({ session }) => !session.supportsQueue)) return false;
    assert.ok(guests.every(({ session }) => session.canNotify('k')));
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

export function request(
  guest: Guest,
  key: string,
  options: Partial<AcquireRequest> = {},
): Promise<ExchangeReply> {
  return guest.session.exchange({
    key,
    acquire: { token: options.token ?? guest.token(), ttl: TTL, fences: 1, mode: 'once', ...options },
  });
}

export function release(guest: Guest, key: string, token: string): Promise<ExchangeReply> {
  return guest.session.exchange({ key, release: { token } });
}

export function renew(
  guest: Guest,
  key: string,
  token: string,
  { ttl = TTL, fences = 0 }: { ttl?: number; fences?: number } = {},
): Promise<RenewReply> {
  return guest.session.renew({ key, token, ttl, fences });
}

export function lastOf({ fence, drawn }: { readonly fence: number; readonly drawn: number }): number {
  return fence + drawn - 1;
}

export function grantedOf(reply: ExchangeReply): AcquireReply & { state: 'granted' } {
  assert.equal(reply.acquire?.state, 'granted');
  return reply.acquire;
}

export function queuedOf(reply: ExchangeReply): AcquireReply & { state: 'queued' } {
  assert.equal(reply.acquire?.state, 'queued');
  return reply.acquire;
}

/** Has a new token granted at once, and returns it. */
export async function take(
  guest: Guest,
  access: LockAccess,
  options: Partial<AcquireRequest> = {},
): Promise<string> {
  const token = guest.token(access);
  grantedOf(await request(guest, 'k', { token, ...options }));
  return token;
}

/** Has a new token queued, and returns it. */
export async function enqueue(
  guest: Guest,
  access: LockAccess,
  options: Partial<AcquireRequest> = {},
): Promise<string> {
  const token = guest.token(access);
  queuedOf(await request(guest, 'k', { token, mode: 'queue', ...options }));
  return token;
}

/** What a new token is told that will not wait. */
export async function attempt(guest: Guest, access: LockAccess): Promise<AcquireReply['state'] | undefined> {
  return (await request(guest, 'k', { token: guest.token(access) })).acquire?.state;
}

/** What a token that was queued is told. */
export async function check(guest: Guest, token: string): Promise<AcquireReply['state'] | undefined> {
  return (await request(guest, 'k', { token, mode: 'check' })).acquire?.state;
}

/** The answer that the key is taken: by whom, and for how long. */
export function busyOf(reply: ExchangeReply): AcquireReply & { state: 'busy' } {
  assert.equal(reply.acquire?.state, 'busy');
  return reply.acquire;
}
