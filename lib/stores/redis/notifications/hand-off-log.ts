/** Logs once that hand-offs cannot reach this process, and once that they can again. */
import { messageOf } from '../errors/error-message.js';
import type { ConnectionLog } from '../health/connection-log.js';
import { redactError } from '../../../errors/index.js';

export interface HandOffLogSettings {
  readonly log: ConnectionLog;
  /** Whether the client's own connection is down. If so, only that is logged, elsewhere. */
  readonly down: () => boolean;
}

/**
 * A connection that ends is opened again, usually before any caller notices. A failure is logged when a try to open the
 * connection has failed while the client's own connection works.
 */
export class HandOffLog {
  readonly #settings: HandOffLogSettings;
  /** The connections that could not be opened since they were ready. */
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
      `The second connection to Redis, on which waiting callers hear of hand-offs, cannot be opened: ${reason}. ` +
        'Until then, they learn of a free lock late, at their next check. See "maxclients" of the server, and its log.',
    );
  }

  /** The connection receives hand-offs, or is not needed any more. */
  works(connection: object): void {
    if (!this.#failing.delete(connection) || this.#failing.size > 0 || !this.#said) return;
    this.#said = false;
    this.#settings.log.log(
      'The second connection to Redis is there again: waiting callers hear of hand-offs at once.',
    );
  }
}
