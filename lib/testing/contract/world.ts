/** The tools of the contract suite: the store under test, its sessions, and the commands of a session. */
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

/** The runner as the files of the suite use it: a test gets a world. */
export interface Suite {
  readonly describe: (name: string, body: () => void) => void;
  readonly test: (title: string, body: (world: World) => Promise<void>) => void;
}

export interface Offer {
  readonly key: string;
  readonly token: string;
  readonly fence: number;
}

/** A session of a test, with its tokens and the offers that it received. */
export interface Participant {
  readonly session: LockStoreSession;
  readonly sessionId: string;
  /** The messages that arrived, if the store carries messages. */
  readonly messages: string[];
  readonly offers: Offer[];
  /** @returns a new token: exclusive by default. */
  token(access?: LockAccess): string;
}

/** The ttl of a lease that must not end during a test, in ms. */
export const TTL = 10_000;
/** A ttl that is short enough to wait for on a store with a real clock, in ms. */
export const SHORT = 500;

export function semaphore(limit: number): LockAccess {
  return { kind: 'semaphore', limit };
}

/** A store under test and the sessions that use it. */
export class World {
  readonly #participants: Participant[] = [];

  constructor(private readonly subject: ContractSubject) {}

  participant(): Participant {
    const sessionId = newSessionId();
    const offers: Offer[] = [];
    const messages: string[] = [];
    const session = this.subject.store.open(sessionId, {
      onGrant: (key, token, fence) => void offers.push({ key, token, fence }),
      onReconnected: () => undefined,
      onRecovered: () => undefined,
      onMessage: (message) => void messages.push(message),
    });
    const tokens = new TokenGenerator(sessionId, 'contract');
    const participant = {
      session,
      sessionId,
      messages,
      offers,
      token: (access?: LockAccess) => tokens.next(access),
    };
    this.#participants.push(participant);
    return participant;
  }

  participants(count: number): Participant[] {
    return Array.from({ length: count }, () => this.participant());
  }

  /** Whether the participants can wait in a queue. If so, they are subscribed when the promise resolves. */
  async canQueue(...participants: Participant[]): Promise<boolean> {
    if (participants.some(({ session }) => !session.supportsQueue)) return false;
    await Promise.all(participants.map(({ session }) => session.subscribe('k')));
    if (participants.some(({ session }) => !session.supportsQueue)) return false;
    assert.ok(participants.every(({ session }) => session.canNotify('k')));
    return true;
  }

  /**
   * Lets a foreign client take the key.
   * @returns false if the store has no foreign clients.
   */
  async occupy(key: string, ms: number): Promise<boolean> {
    await this.subject.occupy?.(key, ms);
    return this.subject.occupy !== undefined;
  }

  elapse(ms: number): Promise<void> {
    return this.subject.elapse(ms);
  }

  /** Waits for the participant's first offer, or for the offer of `token`. */
  async offer(participant: Participant, token?: string): Promise<Offer> {
    for (let waited = 0; ; waited += 5) {
      const offer = participant.offers.find((each) => token === undefined || each.token === token);
      if (offer !== undefined) return offer;
      assert.ok(waited < 900, 'No offer arrived.');
      await this.elapse(5);
    }
  }

  async end(): Promise<void> {
    for (const { session } of this.#participants) {
      await session.close();
      await session.close();
    }
    await this.subject.store.close();
    await this.subject.store.close();
    await this.subject.dispose?.();
  }
}

export function request(
  participant: Participant,
  key: string,
  options: Partial<AcquireRequest> = {},
): Promise<ExchangeReply> {
  return participant.session.exchange({
    key,
    acquire: { token: options.token ?? participant.token(), ttl: TTL, fences: 1, mode: 'once', ...options },
  });
}

export function release(participant: Participant, key: string, token: string): Promise<ExchangeReply> {
  return participant.session.exchange({ key, release: { token } });
}

export function renew(
  participant: Participant,
  key: string,
  token: string,
  { ttl = TTL, fences = 0 }: { ttl?: number; fences?: number } = {},
): Promise<RenewReply> {
  return participant.session.renew({ key, token, ttl, fences });
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

/** Sends a request that must be granted at once, and returns its token. */
export async function take(
  participant: Participant,
  access: LockAccess,
  options: Partial<AcquireRequest> = {},
): Promise<string> {
  const token = participant.token(access);
  grantedOf(await request(participant, 'k', { token, ...options }));
  return token;
}

/** Sends a request that must be queued, and returns its token. */
export async function enqueue(
  participant: Participant,
  access: LockAccess,
  options: Partial<AcquireRequest> = {},
): Promise<string> {
  const token = participant.token(access);
  queuedOf(await request(participant, 'k', { token, mode: 'queue', ...options }));
  return token;
}

/** Sends a request that does not wait, and returns the state of the reply. */
export async function attempt(
  participant: Participant,
  access: LockAccess,
): Promise<AcquireReply['state'] | undefined> {
  return (await request(participant, 'k', { token: participant.token(access) })).acquire?.state;
}

/** Checks a queued request, and returns the state of the reply. */
export async function check(
  participant: Participant,
  token: string,
): Promise<AcquireReply['state'] | undefined> {
  return (await request(participant, 'k', { token, mode: 'check' })).acquire?.state;
}

/** The reply that the key is busy, with its holder and the time left. */
export function busyOf(reply: ExchangeReply): AcquireReply & { state: 'busy' } {
  assert.equal(reply.acquire?.state, 'busy');
  return reply.acquire;
}
