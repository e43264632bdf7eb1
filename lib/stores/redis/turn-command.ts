/** One `turn` on its way: what it is sent with, and what its outcome means. */
import type { LockStoreError } from '../../errors/index.js';
import type { TurnReply, TurnRequest } from '../../core/store.contract.js';
import type { Command } from './command-watch.js';
import type { LockNames } from './key-names.js';
import type { RedisLink, Until } from './redis-link.js';
import { type CallContext, exchangeCall } from './exchange-call.js';
import type { TurnBatch } from './turn-batch.js';
import { describe, silentError } from './store-errors.js';
import { parseTurn } from './turn-reply.js';

/** An ask is sent so often before it counts as too slow for its time limit. */
export const MOST_ATTEMPTS = 4;

const ASKING = 'asking for';
const GIVING_UP = 'giving up';

/** What a session does about the turns it sends. */
export interface TurnSender extends CallContext {
  readonly link: RedisLink;
  readonly batch: TurnBatch;
  /** Whether they ran is not known: the tokens are to be given up. */
  withdraw(request: TurnRequest, notAfter: number): void;
  publishRefused(why: string): void;
  /** The queue has forgotten the key's ask. */
  gone(key: string): void;
}

/** By hand, no async functions: two of them a lock are a good part of what a lock costs this process. */
export class TurnCommand implements Command {
  /** From the latest sending: a reply that was read late must not shorten the time of the next command. */
  until!: Until;
  readonly #sender: TurnSender;
  readonly #request: TurnRequest;
  readonly #names: LockNames;
  readonly #resolve: (reply: TurnReply) => void;
  readonly #reject: (error: LockStoreError) => void;
  #notAfter = 0;
  #sentAt = 0;
  /** How often it was sent. */
  #attempts = 0;
  #interruptions = 0;
  #down = false;

  constructor(
    sender: TurnSender,
    request: TurnRequest,
    names: LockNames,
    resolve: (reply: TurnReply) => void,
    reject: (error: LockStoreError) => void,
  ) {
    this.#sender = sender;
    this.#request = request;
    this.#names = names;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get doing(): string {
    return this.#request.ask === undefined ? GIVING_UP : ASKING;
  }

  get key(): string {
    return this.#request.key;
  }

  /** The server's clock must be known where something is asked for. */
  send(): void {
    const { link } = this.#sender;
    this.until = link.until();
    this.#sentAt = performance.now();
    this.#attempts += 1;
    if (this.#request.ask !== undefined) this.#notAfter = link.serverTimeAt(this.until);
    // Of the first sending: it may have given up what a later one does not find.
    if (this.#attempts === 1) this.#interruptions = link.interruptions;
    this.#down = link.down;
    const { batch } = this.#sender;
    batch.send(this, this.#names, exchangeCall(this.#request, this.#notAfter, this.#sender));
  }

  onReply(raw: unknown): void {
    const { link } = this.#sender;
    link.trouble.answered(this.#names.fences);
    const { reply, again, serverTime, refusedPublish } = parseTurn(raw, this.#request);
    if (again) {
      this.#sender.sharedKeys.add(this.key);
      this.send();
      return;
    }
    if (refusedPublish !== undefined) this.#sender.publishRefused(refusedPublish);
    if (reply.answer?.state === 'gone') this.#sender.gone(this.key);
    if (serverTime !== undefined) {
      // Nothing was done, as the server's clock is ahead of what we reckoned.
      link.clock.advance(serverTime, this.#sentAt);
      if (this.#attempts < MOST_ATTEMPTS) return this.send();
      return this.onFailure(silentError(describe(this.doing, this.key), link.commandTimeout));
    }
    // Sent again after its first answer was lost, giving up finds nothing to give up.
    const twice = this.#request.giveUp !== undefined && this.#interruptions !== link.interruptions;
    this.#resolve(twice && !reply.released ? { ...reply, released: undefined } : reply);
  }

  onFailure(error: LockStoreError): void {
    const { link } = this.#sender;
    const { key, giveUp, ask } = this.#request;
    // A new token that never left this process needs no withdrawal: while Redis is down, every call would leave one.
    const unknown = this.#down && ask?.mode !== 'look' ? { key, giveUp } : this.#request;
    this.#sender.withdraw(unknown, this.#notAfter);
    if (!link.down) link.trouble.failed(this.#names.fences, error);
    this.#reject(error);
  }
}
