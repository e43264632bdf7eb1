/** The commands that wait for their replies: one timer for all of their time-outs. */
import type { LockStoreError } from '../../errors/index.js';
import { describe, silentError } from './store-errors.js';

export interface PendingCommand {
  /** On the monotonic clock. */
  readonly until: number;
  readonly doing: string;
  readonly key: string | undefined;
  /** It waits for the connection: nothing was written yet. */
  readonly unsent: boolean;
  readonly reject: (error: LockStoreError) => void;
}

/**
 * All have the same bound, so the timer is set for the oldest and is left alone while replies come: a timer a command
 * would cost a good part of the command.
 */
export class CommandWatch {
  readonly #pending = new Set<PendingCommand>();
  readonly #timeout: number;
  #timer: NodeJS.Timeout | undefined;

  /** @param timeout for the message, in ms. */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  add(command: PendingCommand): void {
    this.#pending.add(command);
    if (this.#timer === undefined) this.#arm(command.until);
  }

  /** It was answered. */
  delete(command: PendingCommand): void {
    this.#pending.delete(command);
  }

  /** Rejects what was not written yet. */
  rejectUnsent(error: (doing: string) => LockStoreError): void {
    for (const command of this.#pending) {
      if (!command.unsent) continue;
      this.#pending.delete(command);
      command.reject(error(describe(command.doing, command.key)));
    }
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(until: number): void {
    const timer = setTimeout(() => this.#fire(), Math.max(1, until - performance.now()));
    timer.unref();
    this.#timer = timer;
  }

  #fire(): void {
    this.#timer = undefined;
    const now = performance.now();
    let next = Infinity;
    for (const command of this.#pending) {
      if (command.until > now) {
        next = Math.min(next, command.until);
        continue;
      }
      this.#pending.delete(command);
      command.reject(silentError(describe(command.doing, command.key), this.#timeout));
    }
    if (next !== Infinity) this.#arm(next);
  }
}
