/** One party's session with one Redis: sends the scripts, and sees to outcomes that are unknown. */
import type {
  LockStoreListener,
  LockStoreSession,
  RenewReply,
  RenewRequest,
  TurnReply,
  TurnRequest,
} from '../../core/store.contract.js';
import type { KeyNames, LockNames } from './key-names.js';
import type { RedisLink, Until } from './redis-link.js';
import { RENEW } from './scripts/renew.script.js';
import { TURN } from './scripts/turn.script.js';
import { isWrongType } from './store-errors.js';
import { parseOffer, parseTurn } from './turn-reply.js';
import { WakeChannel } from './wake-channel.js';
import { Withdrawals } from './withdrawals.js';

const ASKING = 'asking for';
const GIVING_UP = 'giving up';
const RENEWING = 'renewing';

export interface RedisSessionSettings {
  readonly link: RedisLink;
  readonly names: KeyNames;
  readonly party: string;
  readonly listener: LockStoreListener;
  /** Says, once, that the server refuses PUBLISH. */
  readonly onPublishRefused: (why: string) => void;
  readonly onClose: (session: RedisSession) => void;
}

export class RedisSession implements LockStoreSession {
  readonly queues: boolean;
  readonly #settings: RedisSessionSettings;
  readonly #link: RedisLink;
  readonly #names: KeyNames;
  readonly #wake: WakeChannel;
  readonly #withdrawals: Withdrawals;
  #closed = false;

  constructor(settings: RedisSessionSettings) {
    const { link, names, party, listener } = settings;
    this.#settings = settings;
    this.#link = link;
    this.#names = names;
    // A script's PUBLISH counts the subscribers of its own node only.
    this.queues = !link.cluster;
    this.#wake = new WakeChannel({
      client: link.client,
      channel: names.channelPrefix + party,
      onMessage: (message) => {
        const offer = parseOffer(message);
        if (offer !== undefined) listener.offered(names.keyOf(offer.lock), offer.token, offer.fence);
      },
      onAwake: () => listener.awake(),
    });
    this.#withdrawals = new Withdrawals({ link, giveUp: (key, token) => this.#giveUp(key, token) });
  }

  isAwake(): boolean {
    return this.#wake.awake;
  }

  counterOf(key: string): string {
    return this.#names.counterOf(key);
  }

  listen(): Promise<void> {
    return this.#wake.listen();
  }

  turn(request: TurnRequest): Promise<TurnReply> {
    const { key, ask } = request;
    if (ask !== undefined && ask.mode !== 'once') this.#wake.want();
    const until = this.#link.until();
    try {
      const names = this.#names.of(key);
      if (ask === undefined || this.#link.synchronised) return this.#send(request, names, until);
      return this.#link.synchronise(until).then(
        () => this.#send(request, names, until),
        (error: unknown) => {
          this.#withdraw({ key, giveUp: request.giveUp }, 0);
          throw error;
        },
      );
    } catch (error) {
      return Promise.resolve().then(() => {
        throw error;
      });
    }
  }

  /** Promise by hand, no async functions: two of them a lock are a good part of what a lock costs this process. */
  #send(request: TurnRequest, names: LockNames, until: Until): Promise<TurnReply> {
    const { key, ask } = request;
    const notAfter = ask === undefined ? 0 : this.#link.serverTimeAt(until);
    const parameters = turnParameters(names, request, notAfter);
    const { down, interruptions } = this.#link;
    return this.#link.run(until, ask === undefined ? GIVING_UP : ASKING, key, TURN, parameters).then(
      (raw) => {
        const { reply, serverTime, refusedPublish } = parseTurn(raw, request);
        if (refusedPublish !== undefined) this.#settings.onPublishRefused(refusedPublish);
        if (serverTime === undefined) {
          // Sent again after its first answer was lost, giving up finds nothing to give up.
          const again = request.giveUp !== undefined && interruptions !== this.#link.interruptions;
          return again && !reply.released ? { ...reply, released: undefined } : reply;
        }
        // Nothing was done, as the server's clock is ahead of what we reckoned.
        this.#link.clock.set(serverTime);
        return this.#send(request, names, until);
      },
      (error: unknown) => {
        // A new token that never left this process needs no withdrawal: while Redis is down, every call would leave one.
        const unknown = down && ask?.mode !== 'look' ? { key, giveUp: request.giveUp } : request;
        this.#withdraw(unknown, notAfter);
        throw error;
      },
    );
  }

  #withdraw({ key, giveUp, ask }: TurnRequest, notAfter: number): void {
    if (ask !== undefined) this.#withdrawals.add(key, ask.token, notAfter);
    if (giveUp !== undefined) this.#withdrawals.add(key, giveUp.token, 0);
  }

  async renew({ key, token, ttl, sections }: RenewRequest): Promise<RenewReply> {
    const { lock, fences } = this.#names.of(key);
    const parameters = ['2', lock, fences, token, String(Math.ceil(ttl)), String(sections)];
    // Urgent: a section may start on the strength of its being on its way.
    const raw = await this.#link
      .run(this.#link.until(), RENEWING, key, RENEW, parameters, true)
      .catch(notOursByType);
    if (Array.isArray(raw)) return { held: true, fence: Number(raw[0]), drawn: Number(raw[1]) };
    return { held: Number(raw) >= 0, fence: 0 };
  }

  /** The connection is back. */
  recovered(): void {
    this.#withdrawals.hasten();
    this.#settings.listener.recovered();
  }

  async #giveUp(key: string, token: string): Promise<void> {
    const parameters = turnParameters(this.#names.of(key), { key, giveUp: { token } }, 0);
    await this.#link.run(this.#link.until(), GIVING_UP, key, TURN, parameters);
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#wake.end();
      this.#withdrawals.end();
      this.#settings.onClose(this);
    }
    return Promise.resolve();
  }
}

/** What is no string at the key was put there by somebody else: no reason to hope until the lease's end. */
function notOursByType(error: unknown): number {
  if (isWrongType(error)) return -1;
  throw error;
}

/** The keys and arguments of the script, without the trailing ones that are at their defaults: each costs time. */
function turnParameters(
  { lock, queue, fences }: LockNames,
  { giveUp, ask }: TurnRequest,
  notAfter: number,
): string[] {
  const parameters = ['3', lock, queue, fences, giveUp?.token ?? ''];
  const keepFor = giveUp?.keepFor ?? 0;
  if (ask !== undefined) parameters.push(ask.token, String(Math.ceil(ask.ttl)), String(notAfter), ask.mode);
  else if (keepFor > 0) parameters.push('', '', '', '');
  if (ask !== undefined && (ask.sections !== 1 || ask.place !== undefined || keepFor > 0)) {
    parameters.push(String(ask.sections), ask.place === undefined ? '' : String(ask.place));
  } else if (keepFor > 0) parameters.push('', '');
  if (keepFor > 0) parameters.push(String(Math.ceil(keepFor)));
  return parameters;
}
