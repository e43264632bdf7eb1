/** What the coordinators, batches and handles of one session share. */
import { isLockError, type LockLossReason, type LockStoreError } from '../../errors/index.js';
import type { Clock, Timer } from '../time/clock.js';
import { observed, publish } from '../events/diagnostics.js';
import type { LockEvent, LockEventName, LockEventSink } from '../events/events.js';
import { RenewalTimer } from './renewal-timer.js';
import { LinkedList, type ListNode } from '../util/linked-list.js';
import { runOutside } from '../time/outside.js';
import { SharedTimer } from './deadline-timer.js';
import type {
  ReleaseRequest,
  LockStoreSession,
  ExchangeReply,
  ExchangeRequest,
} from '../contracts/store.contract.js';
import { Subscriptions } from './subscriptions.js';
import type { TokenGenerator } from '../contracts/token.js';

/** `lost`: it was not ours any more; `unknown`: the store did not answer while the lease was still valid. */
export type ReleaseOutcome = 'released' | 'lost' | 'unknown';

/** A caller's turn under a lease, as far as shutting down needs it. */
export interface ActiveHold {
  lose(reason: LockLossReason): void;
  release(): Promise<boolean>;
}

/** What a reply says of the token that was released. */
export function outcomeOf(released: boolean | undefined): ReleaseOutcome {
  if (released === undefined) return 'unknown';
  return released ? 'released' : 'lost';
}

export interface EngineContextSettings {
  readonly session: LockStoreSession;
  readonly tokens: TokenGenerator;
  readonly clock: Clock;
  readonly longHold: number;
  readonly sink: LockEventSink;
}

/** Events that are worth a log line, and so are built although no channel is observed. */
const LOGGED: ReadonlySet<LockEventName> = new Set(['lost', 'store-error', 'long-hold']);

export class EngineContext {
  readonly session: LockStoreSession;
  readonly tokens: TokenGenerator;
  readonly clock: Clock;
  readonly longHold: number;
  readonly renewals: RenewalTimer;
  /** The tokens of single attempts that are under way: nothing is ever handed to them. */
  readonly attempts = new LinkedList<string>();
  /** Of those who wait. */
  readonly deadlines: SharedTimer;
  readonly subscriptions: Subscriptions;
  readonly #holds = new LinkedList<ActiveHold>();
  #onIdle: (() => void) | undefined;
  readonly #sink: LockEventSink;
  /** Commands on their way that nobody waits for; `close` does. */
  readonly #tasks = new LinkedList<Promise<unknown>>();
  readonly #timers = new Set<Timer>();
  /** Tokens that keep others out for a while after their release. */
  readonly #kept = new Set<string>();
  #closed = false;

  constructor(settings: EngineContextSettings) {
    this.session = settings.session;
    this.tokens = settings.tokens;
    this.clock = settings.clock;
    this.longHold = settings.longHold;
    this.#sink = settings.sink;
    this.renewals = new RenewalTimer(settings.clock);
    this.deadlines = new SharedTimer(settings.clock);
    this.subscriptions = new Subscriptions(settings.session);
  }

  /** What it returns is to be given to `sectionEnded`. */
  holdStarted(hold: ActiveHold): ListNode<ActiveHold> {
    return this.#holds.push(hold);
  }

  /** It was released or lost. Idempotent. */
  holdEnded(node: ListNode<ActiveHold>): void {
    if (!node.listed) return;
    this.#holds.remove(node);
    if (this.#holds.size === 0) this.#onIdle?.();
  }

  /** The holds that run, oldest first. */
  get holds(): readonly ActiveHold[] {
    return [...this.#holds];
  }

  /** Resolves when no hold runs, or after `ms`. */
  async idle(ms: number): Promise<void> {
    if (this.#holds.size === 0) return;
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
  exchange<T>(
    request: ExchangeRequest,
    onReply: (reply: ExchangeReply) => T,
    onFailure: (error: LockStoreError) => T,
  ): Promise<T> {
    return this.session.exchange(request).then(onReply, (error: LockStoreError) => {
      // A key that the store cannot take is the caller's mistake.
      if (isLockError(error, 'LOCK_STORE')) this.storeFailed(request.key, error);
      return onFailure(error);
    });
  }

  /** How to give a lease up: at once, or after `releaseAfter` ms, when the queue is to be served by us as well. */
  releaseRequest(key: string, token: string, releaseAfter: number): ReleaseRequest {
    if (releaseAfter <= 0) return { token };
    this.#kept.add(token);
    this.#later(releaseAfter, () => {
      this.#kept.delete(token);
      this.releaseInBackground(key, token);
    });
    return { token, releaseAfter };
  }

  /** Releases a lease and tells whether it was still ours. Never rejects. */
  release(key: string, release: ReleaseRequest): Promise<ReleaseOutcome> {
    return this.exchange<ReleaseOutcome>(
      { key, release },
      ({ released }) => outcomeOf(released),
      () => 'unknown',
    );
  }

  /** Releases a token without anybody waiting for it; the session sees to it if that fails. */
  releaseInBackground(key: string, token: string): void {
    if (!this.#closed) this.track(runOutside(() => this.release(key, { token })));
  }

  /** An offer that nobody waits for goes back. An offer of what is held already is none: somebody else has said so. */
  decline(key: string, token: string): void {
    for (const requested of this.attempts) if (requested === token) return;
    if (!this.#kept.has(token) && !this.renewals.holds(token)) this.releaseInBackground(key, token);
  }

  /** Calls back after `ms`, unless the session is closed by then. */
  #later(ms: number, callback: () => void): void {
    const timer = this.clock.schedule(() => {
      this.#timers.delete(timer);
      callback();
    }, ms);
    this.#timers.add(timer);
  }

  /** Lets background tasks end, then nothing is sent any more. */
  async close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    this.#closed = true;
  }

  /** Runs on its own; a failure has been reported where it happened. */
  track(work: Promise<unknown>): void {
    const over = (): void => this.#tasks.remove(node);
    const node = this.#tasks.push(work.then(over, over));
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
