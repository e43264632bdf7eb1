/** One exchange under way: the command that is sent, and the meaning of its outcome. */
import type { LockStoreError } from '../../../errors/index.js';
import type { ExchangeRequest } from '../../../core/contracts/store.contract.js';
import type { ExchangeReceiver } from '../../../core/runtime/session-commands.js';
import type { Command } from './command-timeouts.js';
import type { LockNames } from '../naming/key-names.js';
import type { CommandSender, Until } from './command-sender.js';
import { type CallContext, exchangeCall } from './exchange-call.js';
import type { ExchangeBatch } from './exchange-batch.js';
import { describe, forcedError, garbledError, silentError } from '../errors/redis-errors.js';
import { isGarbled } from '../naming/foreign-value.js';
import { parseExchange } from './exchange-reply.js';

/** How often a request is sent before it counts as too slow for its time limit. */
export const MOST_ATTEMPTS = 4;

const ACQUIRING = 'acquiring';
const RELEASING = 'releasing';
const FORCING = 'releasing by force';

/** What an exchange needs of its session. */
export interface ExchangeContext extends CallContext {
  readonly sender: CommandSender;
  readonly batch: ExchangeBatch;
  /** The outcome of the request is not known: its tokens are released in the background. */
  cleanUp(request: ExchangeRequest, notAfter: number): void;
  publishRefused(why: string): void;
  /** The store's queue has forgotten the key's request. */
  gone(key: string): void;
}

/**
 * Whether the command must not take effect after its failure. The tokens of other commands are dead by then, and a late
 * release of them does no harm.
 */
export function isLimited({ acquire, release }: ExchangeRequest): boolean {
  return acquire !== undefined || release?.forced === true;
}

/** There are no async functions here: two of them a lock are a good part of the CPU time of a lock. */
export class ExchangeCommand implements Command {
  /** Counted from the latest sending: a reply that was read late must not shorten the time of the next command. */
  until!: Until;
  unsent = false;
  readonly #context: ExchangeContext;
  readonly #request: ExchangeRequest;
  readonly #names: LockNames;
  readonly #receiver: ExchangeReceiver;
  #notAfter = 0;
  #sentAt = 0;
  /** How often the command was sent. */
  #attempts = 0;
  #interruptions = 0;
  #down = false;
  #sending = false;

  constructor(
    context: ExchangeContext,
    request: ExchangeRequest,
    names: LockNames,
    receiver: ExchangeReceiver,
  ) {
    this.#context = context;
    this.#request = request;
    this.#names = names;
    this.#receiver = receiver;
  }

  get doing(): string {
    if (this.#request.acquire !== undefined) return ACQUIRING;
    return this.#request.release?.forced === true ? FORCING : RELEASING;
  }

  get key(): string {
    return this.#request.key;
  }

  /**
   * If the exchange has a time limit, the server's clock must be known.
   * @param now what the monotonic clock shows.
   */
  send(now = performance.now()): void {
    const { sender } = this.#context;
    this.until = now + sender.commandTimeout;
    this.#sentAt = now;
    this.#attempts += 1;
    if (isLimited(this.#request)) this.#notAfter = sender.serverTimeAt(this.until);
    // Counted at the first sending, which may have released what a later one does not find.
    if (this.#attempts === 1) this.#interruptions = sender.interruptions;
    this.#down = sender.down;
    const call = exchangeCall(this.#request, this.#notAfter, this.#context);
    this.#sending = true;
    this.#context.batch.send(this, this.#names, call);
    this.#sending = false;
  }

  onReply(raw: unknown): void {
    const { sender } = this.#context;
    sender.trouble.answered(this.#names.fences);
    const { reply, again, serverTime, refusedPublish } = parseExchange(raw, this.#request);
    if (again) {
      this.#context.sharedKeys.add(this.key);
      this.send();
      return;
    }
    if (refusedPublish !== undefined) this.#context.publishRefused(refusedPublish);
    if (reply.acquire?.state === 'not-queued') this.#context.gone(this.key);
    if (serverTime !== undefined) {
      // The server's clock is ahead of our estimate, so nothing was done.
      sender.clock.advance(serverTime, this.#sentAt);
      if (this.#attempts < MOST_ATTEMPTS) return this.send();
      return this.onFailure(silentError(describe(this.doing, this.key), sender.commandTimeout));
    }
    // If the first reply was lost and the command was sent again, the second one finds nothing to release.
    const { release } = this.#request;
    if (release?.forced === true && reply.released === false && isGarbled(release.token)) {
      return this.#receiver.onFailure(garbledError(this.key));
    }
    const twice = release !== undefined && this.#interruptions !== sender.interruptions;
    this.#receiver.onReply(twice && !reply.released ? { ...reply, released: undefined } : reply);
  }

  onFailure(error: LockStoreError): void {
    // Neither the sender of the exchange nor that of another one may be interrupted by the failure while it is sending.
    if (this.#sending || this.#context.batch.full) return queueMicrotask(() => this.onFailure(error));
    const { sender } = this.#context;
    const { key, release, acquire: request } = this.#request;
    // A new token that never left this process needs no clean-up. While Redis is down, each call would leave one.
    const unknown = this.#down && request?.mode !== 'check' ? { key, release } : this.#request;
    this.#context.cleanUp(unknown, this.#notAfter);
    if (!sender.down) sender.trouble.failed(this.#names.fences, error);
    this.#receiver.onFailure(release?.forced === true ? forcedError(key, error) : error);
  }
}
