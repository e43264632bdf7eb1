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

  end(): void {
    this.#ended = true;
    this.#awake = false;
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
    connection.on('message', (_channel: string, message: string) => this.#settings.onMessage(message));
    connection.connect().catch(() => undefined); // the client tries again by itself, and emits events
  }

  #subscribe(connection: RedisLike): void {
    this.#silence?.expect();
    connection.subscribe(this.#settings.channel).then(
      () => {
        this.#silence?.heard();
        if (this.#ended || connection.status !== 'ready' || this.#awake) return;
        this.#awake = true;
        this.#settings.log.works(connection);
        this.#listening.resolve();
        if (performance.now() < this.#wantedUntil) this.#watch();
        this.#settings.onReconnected();
      },
      (error: unknown) => {
        if (isRefusal(error)) this.#refuse(error);
        else if (!this.#ended) connection.disconnect(true);
      },
    );
  }

  #sleep(): void {
    this.#awake = false;
    clearInterval(this.#pinger);
    this.#pinger = undefined;
  }

  #refuse(error: unknown): void {
    this.#listening.reject(storeError(`subscribing to the channel "${this.#settings.channel}"`, error));
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
