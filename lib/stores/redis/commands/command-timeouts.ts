/** The commands that wait for their replies: one timer for all of their time-outs. */
import { systemClock, type Timer } from '../../../core/time/clock.js';
import { LinkedList, type ListNode } from '../../../core/util/linked-list.js';
import type { LockStoreError } from '../../../errors/index.js';
import { describe, endedError } from '../errors/redis-errors.js';

/** What was sent, and what its sender does about the outcome: one of the two is called, once. */
export interface Command {
  /** How long it may take, on the monotonic clock. */
  readonly until: number;
  /** A verb, and the key it is about: for messages. */
  readonly doing: string;
  readonly key: string | undefined;
  onReply(reply: unknown): void;
  onFailure(error: LockStoreError): void;
}

interface Watched {
  readonly command: Command;
  /** It waits for the connection: nothing was written yet. */
  readonly unsent: boolean;
}

/** What `add` returns, to settle the command by. */
export type Watching = ListNode<Watched>;

/**
 * All have the same bound, so the oldest is the first whose time is over. The timer is set for it and left alone while
 * replies come: a timer a command would cost a good part of the command.
 */
export class CommandTimeouts {
  readonly #pending = new LinkedList<Watched>();
  readonly #silent: (doing: string) => LockStoreError;
  readonly #onSilent: (until: number) => void;
  #timer: Timer | undefined;

  /**
   * @param silent the error of a command whose time is over.
   * @param onSilent told when a command failed by it, with the time until which it might have taken.
   */
  constructor(silent: (doing: string) => LockStoreError, onSilent: (until: number) => void) {
    this.#silent = silent;
    this.#onSilent = onSilent;
  }

  /** Is nothing waited for? */
  get idle(): boolean {
    return this.#pending.size === 0;
  }

  add(command: Command, unsent: boolean): Watching {
    if (this.#timer === undefined) this.#arm(command.until);
    return this.#pending.push({ command, unsent });
  }

  /** It was answered. Does its sender still want to know? */
  settle(watching: Watching): boolean {
    const { listed } = watching;
    this.#pending.remove(watching);
    return listed;
  }

  /** Fails what was not written yet. */
  failUnsent(error: (doing: string) => LockStoreError): void {
    this.#failAll(({ unsent }) => unsent, error);
  }

  /** Fails what is left, as its replies will not come. */
  failSent(error: (doing: string) => LockStoreError): void {
    this.#failAll(() => true, error);
  }

  /** Fails what is left. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#failAll(() => true, endedError);
  }

  #failAll(which: (watched: Watched) => boolean, error: (doing: string) => LockStoreError): void {
    for (const node of [...this.#pending.nodes()]) {
      if (node.listed && which(node.value)) this.#fail(node, error);
    }
  }

  #fail(node: Watching, error: (doing: string) => LockStoreError): void {
    this.#pending.remove(node);
    const { doing, key } = node.value.command;
    node.value.command.onFailure(error(describe(doing, key)));
  }

  #arm(until: number): void {
    this.#timer = systemClock.schedule(
      (readUntil = performance.now()) => this.#fire(readUntil),
      until - performance.now(),
    );
  }

  #fire(readUntil: number): void {
    this.#timer = undefined;
    for (let oldest = this.#pending.head; oldest !== undefined; oldest = this.#pending.head) {
      const { until } = oldest.value.command;
      if (until > readUntil) return this.#arm(until);
      const { unsent } = oldest.value;
      this.#fail(oldest, this.#silent);
      // A connection that is still being opened is silent for another reason.
      if (!unsent) this.#onSilent(until);
    }
  }
}
