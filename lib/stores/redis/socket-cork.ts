/** One socket write for all commands of a tick: with many callers, writing is most of a command's cost. */
import type { RedisLike } from './redis-client.interface.js';

interface Corkable {
  cork(): void;
  uncork(): void;
}

export class SocketCork {
  readonly #client: RedisLike & { readonly stream?: Corkable };
  #corked: Corkable | undefined;

  constructor(client: RedisLike) {
    this.#client = client;
  }

  /** To be called before a command is sent: its bytes, and those of others in this tick, leave at the tick's end. */
  cork(): void {
    // The stream is replaced at each reconnection.
    const { stream } = this.#client;
    if (stream === undefined || this.#corked !== undefined || typeof stream.cork !== 'function') return;
    stream.cork();
    this.#corked = stream;
    process.nextTick(() => this.uncork());
  }

  /** Writes now. */
  uncork(): void {
    this.#corked?.uncork();
    this.#corked = undefined;
  }
}
