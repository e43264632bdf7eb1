/** Ends a connection if a reply is expected and nothing arrives: the server may have vanished without closing it. */
import { systemClock, type Timer } from '../../../core/time/clock.js';
import { onClient } from '../client/client-events.js';
import type { RedisLike } from '../client/redis-client.interface.js';

/** The socket of an ioredis client. */
interface Stream {
  readonly bytesRead?: number;
  destroy?(error: Error): void;
}

/**
 * Replaces the `socketTimeout` of ioredis. After a long computation, `socketTimeout` would end a connection although
 * the reply has arrived and only was not read yet.
 */
export class SilenceWatch {
  readonly #client: RedisLike;
  readonly #longest: number;
  readonly #stops: ReadonlyArray<() => void>;
  /** Since when a reply is expected, on the monotonic clock. */
  #since: number | undefined;
  /** How many bytes had arrived when the wait began. */
  #received: number | undefined;
  #timer: Timer | undefined;

  /** @param longest after how long without a byte the connection is ended, in ms. */
  constructor(client: RedisLike, longest: number) {
    this.#client = client;
    this.#longest = longest;
    this.#stops = [
      // The handshake begins.
      onClient(client, 'connect', () => this.expect()),
      onClient(client, 'ready', () => this.heard()),
      onClient(client, 'close', () => this.heard()),
    ];
  }

  /** A reply is expected since this time of the monotonic clock. */
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
    // There is no connection. If the client's own search for a server were ended, the client itself would end: an
    // example is the search through sentinels.
    if (stream === undefined) return;
    // Something has arrived: for example, the error that the server still loads its data.
    if (stream.bytesRead !== this.#received) return this.expect();
    // An orderly close would wait for the server.
    if (stream.destroy === undefined) this.#client.disconnect(true);
    else stream.destroy(new Error(`nothing arrived for ${this.#longest} ms, although a reply is expected`));
  }
}
