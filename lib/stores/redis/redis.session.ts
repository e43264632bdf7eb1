/** One party's session with one Redis: sends the scripts, and sees to outcomes that are unknown. */
import type {
  LockStoreListener,
  LockStoreSession,
  Outage,
  RenewReply,
  RenewRequest,
  TurnReply,
  TurnRequest,
} from '../../core/store.contract.js';
import { TOKEN_MARK } from '../../core/token.js';
import type { LockStoreError } from '../../errors/index.js';
import type { ConnectionLog } from './connection-log.js';
import { HandOffLog } from './hand-off-log.js';
import type { KeyNames } from './key-names.js';
import type { RedisLink } from './redis-link.js';
import { RENEW } from './scripts/scripts.js';
import { isExclusive, SharedKeys } from './shared-keys.js';
import { isWrongType } from './store-errors.js';
import { ShardedWake } from './sharded-wake.js';
import { TurnBatch } from './turn-batch.js';
import { MOST_ATTEMPTS, TurnCommand, type TurnSender } from './turn-command.js';
import { parseOffer } from './turn-reply.js';
import { WakeChannel } from './wake-channel.js';
import type { Wake } from './wake.interface.js';
import { Withdrawals } from './withdrawals.js';

const RENEWING = 'renewing';

export interface RedisSessionSettings {
  readonly link: RedisLink;
  readonly names: KeyNames;
  readonly party: string;
  readonly listener: LockStoreListener;
  readonly log: ConnectionLog;
  /** Says, once, that the server refuses PUBLISH. */
  readonly onPublishRefused: (why: string) => void;
  readonly onClose: (session: RedisSession) => void;
}

export class RedisSession implements LockStoreSession {
  readonly #settings: RedisSessionSettings;
  readonly #link: RedisLink;
  readonly #names: KeyNames;
  readonly #wake: Wake;
  readonly #withdrawals: Withdrawals;
  readonly #sender: TurnSender;
  #closed = false;

  constructor(settings: RedisSessionSettings) {
    const { link, names, party, listener } = settings;
    this.#settings = settings;
    this.#link = link;
    this.#names = names;
    const tokens = `${TOKEN_MARK}${party}:`;
    const onMessage = (message: string): void => {
      const offer = parseOffer(message, tokens);
      const key = offer && names.keyOf(offer.lock);
      if (offer === undefined || key === undefined) return;
      // No script draws a fence that is ahead of the clock, but for a counter that is.
      listener.offered(key, offer.token, offer.fence, link.clock.mayBeAhead(offer.fence));
    };
    const log = new HandOffLog({ log: settings.log, down: () => link.down });
    const onAwake = (counter?: string): void => listener.awake(counter);
    this.#wake = link.cluster
      ? new ShardedWake({ link, names, party, log, onMessage, onAwake })
      : new WakeChannel({
          client: link.client,
          channel: names.channelOf('', party),
          log,
          onMessage,
          onAwake,
        });
    this.#withdrawals = new Withdrawals({ link, giveUp: (key, token) => this.#giveUp(key, token) });
    this.#sender = {
      link,
      batch: new TurnBatch(link),
      sharedKeys: new SharedKeys(),
      holdersOf: (key) => names.holdersOf(key),
      withdraw: ({ key, giveUp, ask }, notAfter) => {
        if (ask !== undefined) this.#withdrawals.add(key, ask.token, notAfter);
        if (giveUp !== undefined) this.#withdrawals.add(key, giveUp.token, 0);
      },
      publishRefused: settings.onPublishRefused,
      gone: (key) => this.#wake.doubt(key),
    };
  }

  get queues(): boolean {
    return this.#wake.possible;
  }

  /** A verb reads the server's clock first, perhaps, and may be sent several times: each has its own time. */
  get verbTimeout(): number {
    return (1 + MOST_ATTEMPTS) * this.#link.commandTimeout;
  }

  isAwake(key: string): boolean {
    return this.#wake.isAwake(key);
  }

  counterOf(key: string): string {
    return this.#names.counterOf(key);
  }

  outage(key: string): Outage | undefined {
    return this.#link.outageOf(this.#names.of(key).fences);
  }

  listen(key: string): Promise<void> {
    return this.#wake.listen(key);
  }

  turn(request: TurnRequest): Promise<TurnReply> {
    const { key, ask } = request;
    if (ask !== undefined) this.#wake.asks(request);
    const until = this.#link.until();
    return new Promise((resolve, reject) => {
      const command = new TurnCommand(this.#sender, request, this.#names.of(key), resolve, reject);
      if (ask === undefined || this.#link.isSynchronised(until)) return command.send();
      this.#link.synchronise(until).then(
        () => command.send(),
        (error: LockStoreError) => {
          // The ask was not sent.
          this.#sender.withdraw({ key, giveUp: request.giveUp }, 0);
          if (!this.#link.down) this.#link.trouble.failed(this.#names.of(key).fences, error);
          reject(error);
        },
      );
    });
  }

  async renew({ key, token, ttl, sections }: RenewRequest): Promise<RenewReply> {
    const { lock, fences } = this.#names.of(key);
    const keys = isExclusive(token) ? ['2', lock, fences] : ['3', lock, fences, this.#names.holdersOf(key)];
    const parameters = [...keys, token, String(Math.ceil(ttl)), String(sections)];
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

  #giveUp(key: string, token: string): Promise<unknown> {
    // A failure is the withdrawals' own to see to.
    const sender = { ...this.#sender, withdraw: () => undefined };
    return new Promise((resolve, reject) => {
      const names = this.#names.of(key);
      new TurnCommand(sender, { key, giveUp: { token } }, names, resolve, reject).send();
    });
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
