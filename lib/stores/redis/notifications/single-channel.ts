/**
 * How hand-offs reach a session on a single Redis: by one channel, on a connection that is opened at the first
 * contention.
 */
import { runOutside } from '../../../core/time/outside.js';
import type { ExchangeRequest } from '../../../core/contracts/store.contract.js';
import type { HandOffLog } from './hand-off-log.js';
import type { RedisLike } from '../client/redis-client.interface.js';
import { SharedPromise } from './shared-promise.js';
import { SilenceWatch } from '../health/silence-watch.js';
import { isRefusal, storeError } from '../errors/redis-errors.js';
import { logAttempts } from './subscriber-attempts.js';
import { SUBSCRIBER_OPTIONS } from './subscriber-options.js';
import {
  TRY_EVERY,
  TRY_TIMEOUT,
  WANTED_FOR,
  type GrantNotifications,
} from './grant-notifications.interface.js';

export interface SingleChannelSettings {
  readonly client: RedisLike;
  readonly channel: string;
  readonly log: HandOffLog;
  readonly onMessage: (message: string) => void;
  /** A message of another channel that the session listens to. */
  readonly onOther: (message: string) => void;
  /** Called after each subscription: hand-offs that were published before it are lost. */
  readonly onReconnected: () => void;
}

/** States: closed → opening → awake ⇄ asleep (the connection is down, and is opened again) → ended. */
export class SingleChannel implements GrantNotifications {
  readonly possible = true;
  readonly #settings: SingleChannelSettings;
  readonly #listening = new SharedPromise();
  #connection: RedisLike | undefined;
  #silence: SilenceWatch | undefined;
  /** Channels beside that of the hand-offs, once they are wanted. */
  #others: readonly string[] | undefined;
  readonly #hearingOthers = new SharedPromise();
  #hearsOthers = false;
  /** Whether the server has refused the latest subscription. The connection is open, and nothing tries again. */
  #refused = false;
  #awake = false;
  #ended = false;
  #wantedUntil = -Infinity;
  #pinger: NodeJS.Timeout | undefined;

  constructor(settings: SingleChannelSettings) {
    this.#settings = settings;
  }

  canNotify(): boolean {
    return this.#awake;
  }

  onRequest({ acquire: request }: ExchangeRequest): void {
    if (request !== undefined && request.mode !== 'once') this.#want();
  }

  /** Needs no test: the end of the only connection is noticed, and PING tests the connection at intervals. */
  doubt(): void {}

  subscribe(): Promise<void> {
    this.#want();
    if (this.#awake) return Promise.resolve();
    if (!this.#listening.pending) {
      const connection = this.#connection;
      if (connection === undefined) runOutside(() => this.#open());
      else if (connection.status === 'ready') runOutside(() => this.#subscribe(connection));
    }
    return this.#listening.get();
  }

  /**
   * Listens to other channels on the same connection. Resolves when their messages arrive.
   * @throws LockStoreError when the server refuses the subscription.
   */
  listenTo(channels: readonly string[]): Promise<void> {
    if (this.#hearsOthers || this.#ended) return Promise.resolve();
    const connection = this.#connection;
    const begins = !this.#hearingOthers.pending;
    const hearing = this.#hearingOthers.get();
    this.#others = channels;
    if (connection === undefined) runOutside(() => this.#open());
    else if (begins && this.#awake) runOutside(() => this.#subscribeOthers(connection));
    else if (begins && this.#refused && connection.status === 'ready')
      runOutside(() => this.#subscribe(connection));
    return hearing;
  }

  end(): void {
    this.#ended = true;
    this.#awake = this.#hearsOthers = false;
    clearInterval(this.#pinger);
    this.#silence?.end();
    this.#connection?.disconnect();
  }

  /** A caller waits from now on: the connection is watched. */
  #want(): void {
    this.#wantedUntil = performance.now() + WANTED_FOR;
    if (this.#awake && this.#pinger === undefined) runOutside(() => this.#watch());
  }

  #open(): void {
    const connection = this.#settings.client.duplicate(SUBSCRIBER_OPTIONS) as RedisLike;
    this.#connection = connection;
    this.#silence = new SilenceWatch(connection, TRY_TIMEOUT);
    logAttempts(connection, this.#settings.log, () => this.#ended);
    connection.on('error', (error: unknown) => {
      if (isRefusal(error)) this.#refuse(error);
    });
    connection.on('ready', () => this.#subscribe(connection));
    connection.on('close', () => this.#sleep());
    connection.on('message', (channel: string, message: string) => {
      if (channel === this.#settings.channel) this.#settings.onMessage(message);
      else this.#settings.onOther(message);
    });
    connection.connect().catch(() => undefined); // the client tries again by itself, and emits events
  }

  #subscribe(connection: RedisLike): void {
    this.#silence?.expect();
    connection.subscribe(this.#settings.channel).then(
      () => {
        this.#silence?.heard();
        if (this.#ended || connection.status !== 'ready' || this.#awake) return;
        this.#awake = true;
        this.#refused = false;
        this.#settings.log.works(connection);
        this.#listening.resolve();
        if (performance.now() < this.#wantedUntil) this.#watch();
        this.#settings.onReconnected();
        this.#subscribeOthers(connection);
      },
      (error: unknown) => {
        if (isRefusal(error)) this.#refuse(error);
        else if (!this.#ended) connection.disconnect(true);
      },
    );
  }

  #subscribeOthers(connection: RedisLike): void {
    if (this.#others === undefined) return;
    Promise.all(this.#others.map((channel) => connection.subscribe(channel))).then(
      () => {
        this.#hearsOthers = this.#awake && connection.status === 'ready';
        if (this.#hearsOthers) this.#hearingOthers.resolve();
      },
      (error: unknown) => {
        if (isRefusal(error)) this.#hearingOthers.reject(this.#storeError(error));
      },
    );
  }

  #sleep(): void {
    this.#awake = this.#hearsOthers = false;
    clearInterval(this.#pinger);
    this.#pinger = undefined;
  }

  #refuse(error: unknown): void {
    this.#refused = true;
    this.#listening.reject(this.#storeError(error));
    this.#hearingOthers.reject(this.#storeError(error));
  }

  #storeError(error: unknown): Error {
    return storeError(`subscribing to the channel "${this.#settings.channel}"`, error);
  }

  #watch(): void {
    clearInterval(this.#pinger);
    this.#pinger = setInterval(() => {
      if (performance.now() < this.#wantedUntil) void this.#ping();
      else {
        clearInterval(this.#pinger);
        this.#pinger = undefined;
      }
    }, TRY_EVERY).unref();
  }

  async #ping(): Promise<void> {
    if (this.#connection === undefined || !this.#awake) return;
    this.#silence?.expect();
    try {
      await this.#connection.call('ping');
      this.#silence?.heard();
    } catch {
      // If PING fails, the connection ends as well, and its "close" event is handled.
    }
  }
}
