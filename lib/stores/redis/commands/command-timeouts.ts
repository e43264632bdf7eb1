/** The commands that wait for their replies, and one timer for all of their time-outs. */
import { systemClock, type Timer } from '../../../core/time/clock.js';
import { LinkedList, type ListNode } from '../../../core/util/linked-list.js';
import type { LockStoreError } from '../../../errors/index.js';
import { describe, endedError } from '../errors/redis-errors.js';

/** A command, and what its sender does about the outcome. One of the two callbacks is called, once. */
export interface Command {
  /** The time by which the command must be answered, on the monotonic clock. */
  readonly until: number;
  /** A verb, for messages. The key follows it. */
  readonly doing: string;
  readonly key: string | undefined;
  onReply(reply: unknown): void;
  onFailure(error: LockStoreError): void;
  /** Whether the command waited for the connection when it was added: nothing was written then. Set by `add`. */
  unsent?: boolean;
  /** A later time than `until`, if a computation may have kept the command from being written. */
  extendedTo?: number;
}

/** How late a timer is without a computation, at most, in ms. */
const LATE = 5;

/** What {@link CommandTimeouts.add} returns: the command is settled by it. */
export type PendingCommand = ListNode<Command>;

/**
 * All commands have the same time-out, so the oldest command is the first to exceed it. The timer is set for the oldest
 * command, and is not moved while replies arrive: a timer for each command would cost a considerable part of the
 * command itself.
 */
export class CommandTimeouts {
  readonly #pending = new LinkedList<Command>();
  readonly #silent: (doing: string) => LockStoreError;
  readonly #onSilent: (until: number) => void;
  readonly #mostDelay: number;
  #timer: Timer | undefined;

  /**
   * @param silent makes the error of a command that was not answered in time.
   * @param onSilent called when a written command was not answered in time, with the command's `until`.
   * @param mostDelay for how many ms more a command may wait if a computation may have kept it from being written. 0 if
   * the client writes each command at once.
   */
  constructor(
    silent: (doing: string) => LockStoreError,
    onSilent: (until: number) => void,
    mostDelay: number,
  ) {
    this.#silent = silent;
    this.#onSilent = onSilent;
    this.#mostDelay = mostDelay;
  }

  /** True while no command waits for a reply. */
  get idle(): boolean {
    return this.#pending.size === 0;
  }

  add(command: Command, unsent: boolean): PendingCommand {
    if (this.#timer === undefined) this.#arm(command.until);
    command.unsent = unsent;
    if (this.#mostDelay > 0) command.extendedTo = undefined;
    return this.#pending.push(command);
  }

  /**
   * The command was answered.
   * @returns whether its sender is still to be told: false after the time-out, for example.
   */
  settle(pending: PendingCommand): boolean {
    const { listed } = pending;
    this.#pending.remove(pending);
    return listed;
  }

  /** Fails the commands that waited for the connection when they were added. */
  failUnsent(error: (doing: string) => LockStoreError): void {
    this.#failEach(({ unsent }) => unsent === true, error);
  }

  /** Fails all commands, because their replies will not arrive. */
  failAll(error: (doing: string) => LockStoreError): void {
    this.#failEach(() => true, error);
  }

  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.failAll(endedError);
  }

  #failEach(which: (command: Command) => boolean, error: (doing: string) => LockStoreError): void {
    for (const node of [...this.#pending.nodes()]) {
      if (node.listed && which(node.value)) this.#fail(node, error);
    }
  }

  #fail(node: PendingCommand, error: (doing: string) => LockStoreError): void {
    this.#pending.remove(node);
    const { doing, key } = node.value;
    node.value.onFailure(error(describe(doing, key)));
  }

  #arm(until: number): void {
    this.#timer = systemClock.schedule(
      (readUntil = performance.now()) => this.#fire(readUntil),
      until - performance.now(),
    );
  }

  #fire(readUntil: number): void {
    this.#timer = undefined;
    let next = Infinity;
    for (const node of [...this.#pending.nodes()]) {
      if (!node.listed) continue;
      const { until, unsent, extendedTo = this.#extended(node.value, readUntil) } = node.value;
      if (extendedTo > readUntil) next = Math.min(next, extendedTo);
      if (until > readUntil) break;
      // A command that has more time must not delay those behind it: their delay would count as one more computation.
      if (extendedTo > readUntil) continue;
      this.#fail(node, this.#silent);
      // A connection that is still being opened has another reason to be silent.
      if (!unsent) this.#onSilent(until);
    }
    if (next === Infinity || this.idle) return;
    (this.#timer as Timer | undefined)?.cancel(); // of a command that was added meanwhile, which is due later
    this.#arm(next);
  }

  /**
   * With auto-pipelining, the client writes a command only after the present phase of the event loop, and after the
   * replies to the commands before it. Each computation delays that. So a command that is overdue after a computation
   * gets about the time of the computation once more, once.
   */
  #extended(command: Command, readUntil: number): number {
    const late = readUntil - command.until;
    if (this.#mostDelay === 0 || late <= LATE) return command.until;
    return (command.extendedTo = readUntil + Math.min(this.#mostDelay, late + 100));
  }
}
