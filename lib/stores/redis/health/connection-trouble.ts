/** Why a connection does not answer, since when, and whether the connection may be back in a moment. */
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
  /** The client's latest error while the client is not connected. */
  #reason: unknown;

  /**
   * @param onUnresolved called when no sentinel leads to a master. The client keeps trying, and emits no other event.
   */
  constructor(client: RedisLike, commandTimeout: number, onUnresolved: () => void) {
    this.#client = client;
    this.#commandTimeout = commandTimeout;
    this.#outages = new Outages(commandTimeout);
    if (client.status === 'ready') this.#outages.connected();
    // A listener for "error" at the application's client would keep ioredis from printing unhandled errors.
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

  /** A command of the fence domain failed, while the connection was not known to be down. */
  failed(domain: string, error: LockStoreError): void {
    this.#outages.failed(domain, error);
  }

  /** The outage by which the latest command of the fence domain failed, if it may be over in a moment. */
  outageOf(domain: string, down: boolean): Outage | undefined {
    if (!down) return this.#outages.of(domain);
    return this.#ending.ended ? undefined : this.#outages.ofConnection();
  }

  /** The error of a command that cannot be sent because the connection is down. */
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

  /** Whether ioredis forgets written commands that were not answered when the connection ended. */
  get forgets(): boolean {
    const { autoResendUnfulfilledCommands } = this.#client.options as {
      autoResendUnfulfilledCommands?: boolean;
    };
    return autoResendUnfulfilledCommands === false;
  }

  readonly #onError = (error: unknown): void => {
    // The errors of the sentinels are known already, and contain more.
    if (!isSentinelRound(error)) this.#reason = error;
  };
}
