/** Says once that hand-offs cannot reach this process, and once that they can again. */
import { redactError } from '../../../errors/index.js';
import { type ConnectionLog, messageOf } from '../client/connection-log.js';

export interface HandOffLogSettings {
  readonly log: ConnectionLog;
  /** Is the client's own connection down? Then that is what is logged. */
  readonly down: () => boolean;
}

/**
 * A connection that ends is opened again, mostly before anybody notices. It is said once a try to open it has failed, while
 * the client's own connection works.
 */
export class HandOffLog {
  readonly #settings: HandOffLogSettings;
  /** The connections that failed since they were ready. */
  readonly #failing = new Set<object>();
  #said = false;

  constructor(settings: HandOffLogSettings) {
    this.#settings = settings;
  }

  /** A try to open the connection failed. */
  failed(connection: object, why: unknown): void {
    if (this.#settings.down()) return;
    this.#failing.add(connection);
    if (this.#said) return;
    this.#said = true;
    const reason = why === undefined ? 'the server closed it' : messageOf(redactError(why));
    this.#settings.log.warn(
      `The second connection to Redis, on which callers that wait hear of hand-offs, cannot be opened: ${reason}. ` +
        'They learn of a free lock late, by asking again, until it can. See "maxclients" of the server, and its log.',
    );
  }

  /** The connection hears of hand-offs, or nobody needs it any more. */
  works(connection: object): void {
    if (!this.#failing.delete(connection) || this.#failing.size > 0 || !this.#said) return;
    this.#said = false;
    this.#settings.log.log('The second connection to Redis is there again: hand-offs are heard of at once.');
  }
}
