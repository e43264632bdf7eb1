/** The connection on which a party hears that a key was handed to it. Opened at the first contention. */
import type { LockStoreError } from '../../errors/index.js';
import type { RedisLike } from './redis-client.interface.js';
import { isRefusal, storeError } from './store-errors.js';

/** A half-open connection looks like a quiet one: it is pinged this often, in ms, while somebody waits. */
const PING_EVERY = 3_000;
/** It counts as dead without an answer for this long, in ms. */
const PING_TIMEOUT = 2_000;
/** Somebody waits, as long as somebody asked within this time, in ms: more than the longest look. */
const WANTED_FOR = 15_000;

export interface WakeChannelSettings {
  readonly client: RedisLike;
  readonly channel: string;
  readonly onMessage: (message: string) => void;
  /** Called after every subscription: what was published before it is lost. */
  readonly onAwake: () => void;
}

/** States: closed → opening → awake ⇄ asleep (the connection is down and opened again) → ended. */
export class WakeChannel {
  readonly #settings: WakeChannelSettings;
  #connection: RedisLike | undefined;
  #awake = false;
  #ended = false;
  #wantedUntil = -Infinity;
  #pinger: NodeJS.Timeout | undefined;
  #pending:
    { promise: Promise<void>; resolve: () => void; reject: (error: LockStoreError) => void } | undefined;

  constructor(settings: WakeChannelSettings) {
    this.#settings = settings;
  }

  get awake(): boolean {
    return this.#awake;
  }

  /** Somebody waits from now on: the connection is watched. */
  want(): void {
    this.#wantedUntil = performance.now() + WANTED_FOR;
    if (this.#awake && this.#pinger === undefined) this.#watch();
  }

  /**
   * Resolves once messages arrive; stays pending while the connection is down.
   * @throws LockStoreError when the server refuses the subscription.
   */
  listen(): Promise<void> {
    this.want();
    if (this.#awake) return Promise.resolve();
    if (this.#pending === undefined) {
      let resolve!: () => void;
      let reject!: (error: LockStoreError) => void;
      const promise = new Promise<void>((yes, no) => {
        resolve = yes;
        reject = no;
      });
      this.#pending = { promise, resolve, reject };
      if (this.#connection === undefined) this.#open();
      else if (this.#connection.status === 'ready') this.#subscribe(this.#connection);
    }
    return this.#pending.promise;
  }

  end(): void {
    this.#ended = true;
    this.#awake = false;
    clearInterval(this.#pinger);
    this.#connection?.disconnect();
  }

  #open(): void {
    const connection = this.#settings.client.duplicate({
      // Channels get no prefix from ioredis; PING has no key. Nothing that the application set for its own commands
      // should hold a subscription up.
      keyPrefix: '',
      lazyConnect: true,
      autoResubscribe: false,
      enableOfflineQueue: false,
      enableAutoPipelining: false,
      maxRetriesPerRequest: null,
      commandTimeout: undefined,
      retryStrategy: (attempt: number) => Math.min(25 * 2 ** Math.min(attempt, 6), 1000),
    }) as RedisLike;
    this.#connection = connection;
    connection.on('error', (error: unknown) => {
      if (isRefusal(error)) this.#refuse(error);
    });
    connection.on('ready', () => this.#subscribe(connection));
    connection.on('close', () => this.#sleep());
    connection.on('message', (_channel: string, message: string) => this.#settings.onMessage(message));
    connection.connect().catch(() => undefined); // it tries again by itself, and says so by its events
  }

  #subscribe(connection: RedisLike): void {
    connection.subscribe(this.#settings.channel).then(
      () => {
        if (this.#ended || connection.status !== 'ready' || this.#awake) return;
        this.#awake = true;
        this.#pending?.resolve();
        this.#pending = undefined;
        if (performance.now() < this.#wantedUntil) this.#watch();
        this.#settings.onAwake();
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
    this.#pending?.reject(storeError(`subscribing to the channel "${this.#settings.channel}"`, error));
    this.#pending = undefined;
  }

  #watch(): void {
    clearInterval(this.#pinger);
    this.#pinger = setInterval(() => {
      if (performance.now() < this.#wantedUntil) void this.#ping();
      else {
        clearInterval(this.#pinger);
        this.#pinger = undefined;
      }
    }, PING_EVERY).unref();
  }

  async #ping(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || !this.#awake) return;
    let answered = false;
    const timer = setTimeout(() => {
      if (!answered && connection === this.#connection && !this.#ended) connection.disconnect(true);
    }, PING_TIMEOUT).unref();
    try {
      await connection.call('ping');
    } catch {
      // A failed PING comes with the end of the connection, which is acted upon.
    }
    answered = true;
    clearTimeout(timer);
  }
}
