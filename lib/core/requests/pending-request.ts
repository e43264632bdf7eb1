/** One request for a lease: its token, and what is known about it. */
import { type AcquireRequest, type Granted, OFFER_MS, type Queued } from '../contracts/store.contract.js';
import type { LockAccess } from '../contracts/token.js';
import type { NextBatch } from '../queue/wait-queue.js';
import type { Clock, Timer } from '../time/clock.js';
import { Deadline } from '../time/deadline.js';

export class PendingRequest {
  /** True if a check must follow as soon as the command under way is answered. */
  recheck = false;
  /** When the command under way was sent, on the monotonic clock. Undefined while no reply is awaited. */
  unansweredSince: number | undefined;
  /** When the latest command was sent. */
  sentAt!: Deadline;
  /** The ttl in the latest command, in ms. */
  ttl = 0;
  /** The number of the last caller that the latest command was for. */
  upTo = 0;
  /** The number of the last caller that the first command was for. An offer's fence is for callers up to that one. */
  firstUpTo: number | undefined;
  /** The reply that granted the request. */
  grant: Granted | undefined;
  /** The fence of an offer, which may come before the reply to a command with the token. */
  offer: number | undefined;
  /** True if another client may have made the offer. */
  unverified = false;
  /**
   * The latest fence of the fence domain, by the latest reply. An offer with a fence that is not above it is an old
   * one: its message was late, and the offer has ended. The token is queued again because the connection sent a command
   * twice.
   */
  floor = 0;
  /** When the latest command was sent that was answered "queued", or else the first command. */
  #offersFrom!: Deadline;
  #timer: Timer | undefined;

  constructor(
    readonly token: string,
    readonly mode: AcquireRequest['mode'],
    readonly access: LockAccess,
  ) {}

  /** The earliest end of an offer for this token: an offer cannot precede that command. */
  get offerEnds(): Deadline {
    return this.#offersFrom.plus(OFFER_MS);
  }

  /** Sets the timer of the next command. Cancels the timer before it. */
  setTimer(timer: Timer | undefined): void {
    this.#timer?.cancel();
    this.#timer = timer;
  }

  /** A command with this request is sent now. @param now what the monotonic clock shows. */
  sending(
    mode: AcquireRequest['mode'],
    { ttl, callers, upTo }: NextBatch,
    clock: Clock,
    queueScore: number | undefined,
    now?: number,
  ): AcquireRequest {
    this.sentAt = Deadline.in(clock, 0, now);
    this.unansweredSince = this.sentAt.monotonic;
    this.#offersFrom ??= this.sentAt;
    this.ttl = ttl;
    this.upTo = upTo;
    this.firstUpTo ??= upTo;
    return { token: this.token, ttl, fences: callers, mode, queueScore };
  }

  /** The latest command was answered "queued". */
  noteQueued({ fence }: Queued): void {
    this.#offersFrom = this.sentAt;
    this.floor = fence;
  }

  /** Keeps the offer with the highest fence. */
  keep({ fence, unverified }: { readonly fence: number; readonly unverified: boolean }): void {
    if (this.offer !== undefined && fence <= this.offer) return;
    this.offer = fence;
    this.unverified = unverified;
  }

  /** Whether a check is due at once, because messages may have been lost. Forgets the offer that was kept. */
  takeRecheck(): boolean {
    const { recheck } = this;
    this.recheck = false;
    this.offer = undefined;
    return recheck;
  }
}
