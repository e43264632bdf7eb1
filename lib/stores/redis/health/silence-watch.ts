/** Ends a connection on which a reply is awaited and nothing arrives: its peer may have vanished without closing it. */
import { systemClock, type Timer } from '../../../core/time/clock.js';
import { onClient } from '../client/client-events.js';
import type { RedisLike } from '../client/redis-client.interface.js';

/** The socket of a client of ioredis. */
interface Stream {
  readonly bytesRead?: number;
  destroy?(error: Error): void;
}

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
  /** How much had arrived by then, in bytes. */
  #received: number | undefined;
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
    this.#received = this.#stream?.bytesRead;
    this.#timer = systemClock.schedule(
      () => this.#judge(),
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

  get #stream(): Stream | undefined {
    return (this.#client as { stream?: Stream | null }).stream ?? undefined;
  }

  #judge(): void {
    this.#since = undefined;
    const stream = this.#stream;
    // Nothing is connected: to end the client's own search for a server, such as by sentinels, would end the client.
    if (stream === undefined) return;
    // Something has arrived, such as that the server still loads its data.
    if (stream.bytesRead !== this.#received) return this.expect();
    // To close it in order would be to wait for the peer.
    if (stream.destroy === undefined) this.#client.disconnect(true);
    else stream.destroy(new Error(`nothing arrived for ${this.#longest} ms, though a reply is awaited`));
  }
}
