/** Ends a connection on which a reply is awaited and nothing arrives: its peer may have vanished without closing it. */
import { systemClock, type Timer } from '../../core/clock.js';
import { onClient } from './client-events.js';
import type { RedisLike } from './redis-client.interface.js';

/**
 * In place of the `socketTimeout` of ioredis. That one ends a connection whose reply has arrived and was not read yet, as
 * after a long computation.
 */
export class SilenceWatch {
  readonly #client: RedisLike;
  readonly #longest: number;
  readonly #stops: ReadonlyArray<() => void>;
  /** Since when a reply is awaited, on the monotonic clock. */
  #since: number | undefined;
  #timer: Timer | undefined;

  /** @param longest how long nothing may arrive, in ms. */
  constructor(client: RedisLike, longest: number) {
    this.#client = client;
    this.#longest = longest;
    this.#stops = [
      // The handshake is under way.
      onClient(client, 'connect', () => this.expect()),
      onClient(client, 'ready', () => this.heard()),
      onClient(client, 'close', () => this.heard()),
    ];
  }

  /** A reply is awaited since then. */
  expect(since = performance.now()): void {
    if (this.#since !== undefined) return;
    this.#since = since;
    this.#timer = systemClock.schedule(
      () => this.#reconnect(),
      Math.max(0, since + this.#longest - performance.now()),
    );
  }

  /** Something arrived. */
  heard(): void {
    if (this.#since === undefined) return;
    this.#since = undefined;
    this.#timer?.cancel();
  }

  end(): void {
    this.heard();
    for (const stop of this.#stops) stop();
  }

  #reconnect(): void {
    this.#since = undefined;
    const { stream } = this.#client as { stream?: { destroy?(error: Error): void } };
    // To close it in order would be to wait for the peer.
    if (stream?.destroy === undefined) this.#client.disconnect(true);
    else stream.destroy(new Error(`nothing arrived for ${this.#longest} ms, though a reply is awaited`));
  }
}
