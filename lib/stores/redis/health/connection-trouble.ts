/** What is known of a connection that does not answer: since when, why, and whether it may be back in a moment. */
import { errorMonitor } from 'node:events';
import type { Outage } from '../../../core/contracts/store.contract.js';
import type { LockStoreError } from '../../../errors/index.js';
import { onClient } from '../client/client-events.js';
import { Outages } from './outages.js';
import { Ending } from './client-ending.js';
import type { RedisLike } from '../client/redis-client.interface.js';
import { isSentinelRound, watchSentinels } from './sentinel-watch.js';
import { downError, silentError, storeError, unconnectedError } from '../errors/redis-errors.js';

export class ConnectionTrouble {
  readonly #client: RedisLike;
  readonly #commandTimeout: number;
  readonly #outages: Outages;
  readonly #ending: Ending;
  readonly #unwatchErrors: () => void;
  readonly #unwatchSentinels: () => void;
  /** What the client said last, while it is not connected. */
  #reason: unknown;

  /** @param onUnresolved no sentinel leads to a master: the client goes on, and nothing else tells. */
  constructor(client: RedisLike, commandTimeout: number, onUnresolved: () => void) {
    this.#client = client;
    this.#commandTimeout = commandTimeout;
    this.#outages = new Outages(commandTimeout);
    if (client.status === 'ready') this.#outages.connected();
    // To listen to "error" on the application's client would keep ioredis from reporting errors that nobody handles.
    this.#unwatchErrors = onClient(client, errorMonitor, this.#onError);
    this.#ending = new Ending(client);
    this.#unwatchSentinels = watchSentinels(client, (reason) => {
      this.#reason = reason;
      if (client.status !== 'ready') onUnresolved();
    });
  }

  connected(): void {
    this.#reason = undefined;
    this.#outages.connected();
    this.#ending.connected();
  }

  disconnected(): void {
    this.#ending.closed();
    this.#outages.disconnected();
  }

  /** A command of the fence domain was answered. */
  answered(domain: string): void {
    this.#outages.answered(domain);
  }

  /** A command of the fence domain failed, over a connection that is not known to be down. */
  failed(domain: string, error: LockStoreError): void {
    this.#outages.failed(domain, error);
  }

  /** Is what the fence domain's latest command failed by one that may be over in a moment? */
  outageOf(domain: string, down: boolean): Outage | undefined {
    if (!down) return this.#outages.of(domain);
    return this.#ending.ended ? undefined : this.#outages.ofConnection();
  }

  /** The error of a command whose connection is down. */
  downError(doing: string): LockStoreError {
    return downError(doing, this.#reason, this.#ending.ended);
  }

  /** The error of a command that was not answered in time. */
  silentError(doing: string): LockStoreError {
    if (this.#client.status === 'ready') return silentError(doing, this.#commandTimeout);
    return unconnectedError(doing, this.#commandTimeout, this.#reason);
  }

  /** Stops listening. */
  end(): void {
    this.#unwatchErrors();
    this.#unwatchSentinels();
  }

  /** The error of a command that failed. */
  storeError(doing: string, cause: unknown): LockStoreError {
    return storeError(doing, cause, this.#ending.ended);
  }

  /** Are commands forgotten that were written, and not answered, when the connection ended? */
  get forgets(): boolean {
    const { autoResendUnfulfilledCommands } = this.#client.options as {
      autoResendUnfulfilledCommands?: boolean;
    };
    return autoResendUnfulfilledCommands === false;
  }

  readonly #onError = (error: unknown): void => {
    // What the sentinels said is known already, and is more.
    if (!isSentinelRound(error)) this.#reason = error;
  };
}
