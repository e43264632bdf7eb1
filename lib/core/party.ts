/** What the gates, tenures and handles of one party share. */
import { isLockError, type LockLossReason, type LockStoreError } from '../errors/index.js';
import type { Clock, Timer } from './clock.js';
import { observed, publish } from './diagnostics.js';
import type { LockEvent, LockEventName, LockEventSink } from './events.js';
import { Keeper } from './keeper.js';
import { LinkedList, type Place } from './linked-list.js';
import { runOutside } from './outside.js';
import { SharedTimer } from './shared-timer.js';
import type { GiveUp, LockStoreSession, TurnReply, TurnRequest } from './store.contract.js';
import { Subscriptions } from './subscriptions.js';
import type { TokenMint } from './token.js';

/** `lost`: it was not ours any more; `unknown`: the store did not answer while the lease was still valid. */
export type ReleaseOutcome = 'released' | 'lost' | 'unknown';

/** A caller's turn under a lease, as far as shutting down needs it. */
export interface RunningSection {
  lose(reason: LockLossReason): void;
  release(): Promise<boolean>;
}

/** What a reply says of the token that was given up. */
export function outcomeOf(released: boolean | undefined): ReleaseOutcome {
  if (released === undefined) return 'unknown';
  return released ? 'released' : 'lost';
}

export interface PartySettings {
  readonly session: LockStoreSession;
  readonly mint: TokenMint;
  readonly clock: Clock;
  readonly longHold: number;
  readonly sink: LockEventSink;
}

/** Events that are worth a log line, and so are built although no channel is observed. */
const LOGGED: ReadonlySet<LockEventName> = new Set(['lost', 'store-error', 'long-hold']);

export class Party {
  readonly session: LockStoreSession;
  readonly mint: TokenMint;
  readonly clock: Clock;
  readonly longHold: number;
  readonly keeper: Keeper;
  /** The tokens of single attempts that are under way: nothing is ever handed to them. */
  readonly attempts = new LinkedList<string>();
  /** Of those who wait. */
  readonly deadlines: SharedTimer;
  readonly subscriptions: Subscriptions;
  readonly #sections = new LinkedList<RunningSection>();
  #onIdle: (() => void) | undefined;
  readonly #sink: LockEventSink;
  /** Commands on their way that nobody waits for; `close` does. */
  readonly #errands = new LinkedList<Promise<unknown>>();
  readonly #timers = new Set<Timer>();
  /** Tokens that keep others out for a while after their release. */
  readonly #kept = new Set<string>();
  #closed = false;

  constructor(settings: PartySettings) {
    this.session = settings.session;
    this.mint = settings.mint;
    this.clock = settings.clock;
    this.longHold = settings.longHold;
    this.#sink = settings.sink;
    this.keeper = new Keeper(settings.clock);
    this.deadlines = new SharedTimer(settings.clock);
    this.subscriptions = new Subscriptions(settings.session);
  }

  /** What it returns is to be given to `sectionEnded`. */
  sectionStarted(section: RunningSection): Place<RunningSection> {
    return this.#sections.push(section);
  }

  /** It was released or lost. Idempotent. */
  sectionEnded(place: Place<RunningSection>): void {
    if (!place.listed) return;
    this.#sections.remove(place);
    if (this.#sections.size === 0) this.#onIdle?.();
  }

  /** The sections that run, oldest first. */
  get sections(): readonly RunningSection[] {
    return [...this.#sections];
  }

  /** Resolves when no section runs, or after `ms`. */
  async idle(ms: number): Promise<void> {
    if (this.#sections.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.clock.schedule(() => resolve(), ms);
      this.#onIdle = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#onIdle = undefined;
  }

  /** `session.turn`, with its failure reported: resolves to what the one of the two that is called returns. */
  turn<T>(
    request: TurnRequest,
    onReply: (reply: TurnReply) => T,
    onFailure: (error: LockStoreError) => T,
  ): Promise<T> {
    return this.session.turn(request).then(onReply, (error: LockStoreError) => {
      // A key that the store cannot take is the caller's mistake.
      if (isLockError(error, 'LOCK_STORE')) this.storeFailed(request.key, error);
      return onFailure(error);
    });
  }

  /** How to give a lease up: at once, or after `keepFor` ms, when the queue is to be served by us as well. */
  givingUp(key: string, token: string, keepFor: number): GiveUp {
    if (keepFor <= 0) return { token };
    this.#kept.add(token);
    this.#later(keepFor, () => {
      this.#kept.delete(token);
      this.giveUp(key, token);
    });
    return { token, keepFor };
  }

  /** Gives a lease up and tells whether it was still ours. Never rejects. */
  release(key: string, giveUp: GiveUp): Promise<ReleaseOutcome> {
    return this.turn<ReleaseOutcome>(
      { key, giveUp },
      ({ released }) => outcomeOf(released),
      () => 'unknown',
    );
  }

  /** Gives a token up without anybody waiting for it; the session sees to it if that fails. */
  giveUp(key: string, token: string): void {
    if (!this.#closed) this.errand(runOutside(() => this.release(key, { token })));
  }

  /** An offer that nobody waits for goes back. An offer of what is held already is none: somebody else has said so. */
  decline(key: string, token: string): void {
    for (const asked of this.attempts) if (asked === token) return;
    if (!this.#kept.has(token) && !this.keeper.holds(token)) this.giveUp(key, token);
  }

  /** Calls back after `ms`, unless the party is closed by then. */
  #later(ms: number, callback: () => void): void {
    const timer = this.clock.schedule(() => {
      this.#timers.delete(timer);
      callback();
    }, ms);
    this.#timers.add(timer);
  }

  /** Lets errands end, then nothing is sent any more. */
  async close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    while (this.#errands.size > 0) await Promise.all(this.#errands);
    this.#closed = true;
  }

  /** Runs on its own; a failure has been reported where it happened. */
  errand(work: Promise<unknown>): void {
    const over = (): void => this.#errands.remove(place);
    const place = this.#errands.push(work.then(over, over));
  }

  storeFailed(key: string, error: LockStoreError): void {
    this.emit('store-error', () => ({ name: 'store-error', key, error }));
  }

  /** `build` is called only if somebody will see the event. */
  emit(name: LockEventName, build: () => LockEvent): void {
    const heard = observed(name);
    const logged = LOGGED.has(name);
    if (!heard && !logged) return;
    const event = build();
    if (heard) publish(event);
    if (!logged) return;
    // A log that fails must not keep a holder from hearing of its loss, nor other leases from being renewed.
    try {
      this.#sink(event);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      process.emitWarning(`The log failed at the event "${name}": ${message}`, 'NestjsLockedWarning');
    }
  }
}
