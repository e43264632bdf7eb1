/** A session with one Redis: sends the scripts, and releases tokens when the outcome of a command is unknown. */
import type {
  LockStoreListener,
  LockStoreSession,
  Outage,
  RenewReply,
  RenewRequest,
  ExchangeReply,
  ExchangeRequest,
} from '../../core/contracts/store.contract.js';
import type { ExchangeReceiver, ReceivingSession } from '../../core/runtime/session-commands.js';
import { TOKEN_MARK } from '../../core/contracts/token.js';
import type { LockStoreError } from '../../errors/index.js';
import type { ClusterLike } from './client/redis-client.interface.js';
import { ClusterMessages } from './inspection/cluster-messages.js';
import { RedisInspection } from './inspection/redis-inspection.js';
import type { ConnectionLog } from './health/connection-log.js';
import { HandOffLog } from './notifications/hand-off-log.js';
import type { KeyNames } from './naming/key-names.js';
import type { CommandSender } from './commands/command-sender.js';
import { RENEW } from './scripts/scripts.js';
import { isExclusive, SharedKeys } from './commands/shared-keys.js';
import { isWrongType } from './errors/redis-errors.js';
import { ShardedChannels } from './notifications/sharded-channels.js';
import { ExchangeBatch } from './commands/exchange-batch.js';
import {
  MOST_ATTEMPTS,
  ExchangeCommand,
  type ExchangeContext,
  isLimited,
} from './commands/exchange-command.js';
import { parseOffer } from './commands/exchange-reply.js';
import { SingleChannel } from './notifications/single-channel.js';
import type { GrantNotifications } from './notifications/grant-notifications.interface.js';
import { OrphanCleanup } from './commands/orphan-cleanup.js';

const RENEWING = 'renewing';

export interface RedisSessionSettings {
  readonly sender: CommandSender;
  readonly names: KeyNames;
  readonly sessionId: string;
  readonly listener: LockStoreListener;
  readonly log: ConnectionLog;
  /** Called when the server refuses PUBLISH. */
  readonly onPublishRefused: (why: string) => void;
  readonly onClose: (session: RedisSession) => void;
}

export class RedisSession implements LockStoreSession, ReceivingSession {
  readonly #settings: RedisSessionSettings;
  readonly #sender: CommandSender;
  readonly #names: KeyNames;
  readonly #notifications: GrantNotifications;
  readonly #orphans: OrphanCleanup;
  readonly #context: ExchangeContext;
  readonly inspection: RedisInspection;
  readonly #messages: ClusterMessages | undefined;
  #closed = false;

  constructor(settings: RedisSessionSettings) {
    const { sender, names, sessionId, listener } = settings;
    this.#settings = settings;
    this.#sender = sender;
    this.#names = names;
    const tokens = `${TOKEN_MARK}${sessionId}:`;
    const onMessage = (message: string): void => {
      const offer = parseOffer(message, tokens);
      const key = offer && names.keyOf(offer.lock);
      if (offer === undefined || key === undefined) return;
      // No script draws a fence that is ahead of the server's clock, except if the fence counter is ahead. So another
      // client may have published the offer.
      listener.onGrant(key, offer.token, offer.fence, sender.clock.mayBeAhead(offer.fence));
    };
    const log = new HandOffLog({ log: settings.log, down: () => sender.down });
    const onReconnected = (fenceDomain?: string): void => listener.onReconnected(fenceDomain);
    const onOther = (message: string): void => listener.onMessage?.(message);
    let listenTo: (channels: readonly string[]) => Promise<void>;
    if (sender.cluster) {
      this.#notifications = new ShardedChannels({ sender, names, sessionId, log, onMessage, onReconnected });
      const messages = (this.#messages = new ClusterMessages(sender.client as ClusterLike, onOther));
      listenTo = (channels) => messages.listenTo(channels);
    } else {
      const channel = names.channelOf('', sessionId);
      const { client } = sender;
      const single = new SingleChannel({ client, channel, log, onMessage, onOther, onReconnected });
      this.#notifications = single;
      listenTo = (channels) => single.listenTo(channels);
    }
    this.inspection = new RedisInspection({ sender, names, sessionId, listenTo });
    this.#orphans = new OrphanCleanup({ sender, release: (key, token) => this.#release(key, token) });
    this.#context = {
      sender,
      batch: new ExchangeBatch(sender),
      sharedKeys: new SharedKeys(),
      holdersOf: (key) => names.holdersOf(key),
      cleanUp: ({ key, release, acquire: request }, notAfter) => {
        if (request !== undefined) this.#orphans.add(key, request.token, notAfter);
        if (release !== undefined && release.forced !== true) this.#orphans.add(key, release.token, 0);
      },
      publishRefused: settings.onPublishRefused,
      gone: (key) => this.#notifications.doubt(key),
    };
  }

  get supportsQueue(): boolean {
    return this.#notifications.possible;
  }

  /**
   * A verb may have to read the server's clock first, and may be sent several times. Each command has a time-out of its
   * own.
   */
  get verbTimeout(): number {
    return (1 + MOST_ATTEMPTS) * this.#sender.commandTimeout;
  }

  canNotify(key: string): boolean {
    return this.#notifications.canNotify(key);
  }

  fenceDomainOf(key: string): string {
    return this.#names.fenceDomainOf(key);
  }

  outage(key: string): Outage | undefined {
    return this.#sender.outageOf(this.#names.of(key).fences);
  }

  subscribe(key: string): Promise<void> {
    return this.#notifications.subscribe(key);
  }

  exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    return new Promise((onReply, onFailure) => this.exchangeFor(request, { onReply, onFailure }));
  }

  exchangeFor(request: ExchangeRequest, receiver: ExchangeReceiver): void {
    const { key, acquire } = request;
    let command: ExchangeCommand;
    try {
      command = new ExchangeCommand(this.#context, request, this.#names.of(key), receiver);
    } catch (error) {
      return queueMicrotask(() => receiver.onFailure(error as LockStoreError)); // a reserved key
    }
    if (acquire !== undefined) this.#notifications.onRequest(request);
    const now = performance.now();
    const until = now + this.#sender.commandTimeout;
    if (!isLimited(request) || this.#sender.isSynchronised(until)) return command.send(now);
    this.#sender.synchronise(until).then(
      () => command.send(),
      (error: LockStoreError) => {
        // The request was not sent, so only the release may be unknown.
        this.#context.cleanUp({ key, release: request.release }, 0);
        if (!this.#sender.down) this.#sender.trouble.failed(this.#names.of(key).fences, error);
        receiver.onFailure(error);
      },
    );
  }

  async renew({ key, token, ttl, fences: count }: RenewRequest): Promise<RenewReply> {
    const { lock, fences } = this.#names.of(key);
    const keys = isExclusive(token) ? ['2', lock, fences] : ['3', lock, fences, this.#names.holdersOf(key)];
    const parameters = [...keys, token, String(Math.ceil(ttl)), String(count)];
    // Urgent: a hold may start as soon as the command has left the process.
    const raw = await this.#sender
      .run(this.#sender.until(), RENEWING, key, RENEW, parameters, true)
      .catch(notOursByType);
    if (Array.isArray(raw)) return { held: true, fence: Number(raw[0]), drawn: Number(raw[1]) };
    return { held: Number(raw) >= 0, fence: 0 };
  }

  /** Commands can be sent again. */
  onRecovered(): void {
    this.#orphans.hasten();
    this.#settings.listener.onRecovered();
  }

  #release(key: string, token: string): Promise<unknown> {
    // OrphanCleanup tries again by itself: a failed release must not be added to it a second time.
    const context: ExchangeContext = { ...this.#context, cleanUp: () => undefined };
    return new Promise((onReply, onFailure) => {
      const names = this.#names.of(key);
      new ExchangeCommand(context, { key, release: { token } }, names, { onReply, onFailure }).send();
    });
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#notifications.end();
      this.#messages?.end();
      this.#orphans.end();
      this.#settings.onClose(this);
    }
    return Promise.resolve();
  }
}

/**
 * The lease is lost if the value at the key is not a string: another client put the value there. There is no reason to
 * try again until the lease ends.
 */
function notOursByType(error: unknown): number {
  if (isWrongType(error)) return -1;
  throw error;
}
