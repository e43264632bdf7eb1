/** The options of one acquisition, as users write them and as the core works with them. */
import type { Duration } from '../time/duration.js';
import type { Lock } from '../contracts/lock.js';
import type { LockKind, LockAccess } from '../contracts/token.js';

export interface AcquireOptions {
  /**
   * How long the lease runs without a renewal: after a crash the key is busy for up to this long. At least 50 ms.
   * @default '30s'
   */
  ttl?: Duration;
  /**
   * How long to wait for other holders. 0 answers at once.
   * @default '10s'
   */
  wait?: Duration;
  /**
   * Renew the lease, at a third of its ttl, until the release. `false`: the hold ends at its ttl.
   * @default true
   */
  renew?: boolean;
  /** End the hold (as lost) after this long, renewed or not. @default none */
  maxHold?: Duration;
  /**
   * Keep others out for at least this long from the acquisition, even if released before: a short job that must not
   * run twice within it. Release never waits for it.
   * @default 0
   */
  minHold?: Duration;
  /**
   * What happens to a key that this call runs under already, by `@Locked` or `using`, as far as its async context tells. A
   * shared queue, an event listener or a timer may have inherited that context, though it is no part of the holder's work.
   *
   * - `'throw'`: a LockReentryError at once, since the call could wait for itself.
   * - `'join'`: the call joins that hold: the same lease and fence, given back by the outermost. `ttl`, `renew` and `maxHold`
   *   of a joined key stay the outermost's; a `minHold` counts from the joining.
   * - `'wait'`: the call waits like any other caller, without that check. If it is part of the holder's work, `wait` ends it.
   * @default 'throw'
   */
  reentry?: Reentry;
  /**
   * A held lock of the same service, which this call joins: that very hold, without a check at the async context, as by
   * `reentry: 'join'`. The lock must hold at least one of the keys. Keys that it does not hold are taken besides.
   * @default none
   */
  within?: Lock;
  /** Ends the wait (not the hold) with a LockAbortedError. */
  signal?: AbortSignal;
  /**
   * `'exclusive'`: one holder at a time. `'shared'`: a reader, which holds the key together with other readers, and
   * keeps out, and is kept out by, exclusive ones (writers). Not together with `limit`.
   * @default 'exclusive'
   */
  mode?: LockMode;
  /**
   * Makes the key a semaphore: so many callers hold it at a time, on all machines together. A whole number from 1. Every
   * caller should give the same; while they differ, each is let in by its own. `1` is a semaphore of one, and no
   * exclusive lock: the two cannot be mixed on one key. Not together with `mode`.
   * @default none
   */
  limit?: number;
}

/** What a call does about a key that it runs under already. */
export type Reentry = 'throw' | 'join' | 'wait';

/** The kinds of lock that go together on one key. */
export type LockMode = Exclude<LockKind, 'semaphore'>;

/**
 * Options of one kind, as a literal gives them: an exclusive or shared lock, or a semaphore. A function that passes on
 * what it got, declared as {@link AcquireOptions} (or an interface that extends it), is not bound to one: see
 * {@link DeclaredOptions}.
 */
export type OneKind<O extends AcquireOptions> = (O & { limit?: undefined }) | (O & { mode?: undefined });

/** Options whose declared type leaves open which of `mode` and `limit` is there: they are checked when they are used. */
export type DeclaredOptions<O> = 'mode' | 'limit' extends keyof O
  ? object extends Pick<O, 'mode' | 'limit'>
    ? O
    : never
  : never;

export interface UsingOptions extends AcquireOptions {
  /**
   * When the lock was lost during the work: `'throw'` a LockLostError once the work has settled, or `'warn'` in the
   * log and return the work's own result.
   * @default 'throw'
   */
  onLost?: 'throw' | 'warn';
}

/** The options a module sets for all its locks. */
export interface LockDefaults {
  /** @see AcquireOptions.ttl */
  ttl?: Duration;
  /** @see AcquireOptions.wait */
  wait?: Duration;
  /** @see AcquireOptions.renew */
  renew?: boolean;
  /** @see AcquireOptions.maxHold */
  maxHold?: Duration;
  /** @see UsingOptions.onLost */
  onLost?: 'throw' | 'warn';
}

/** Acquire options, resolved: everything in milliseconds. */
export interface ResolvedAcquire {
  readonly ttl: number;
  readonly wait: number;
  readonly renew: boolean;
  /** `Infinity` for none. */
  readonly maxHold: number;
  readonly minHold: number;
  readonly reentry: Reentry;
  readonly within: Lock | undefined;
  readonly signal: AbortSignal | undefined;
  readonly access: LockAccess;
}

export interface ResolvedUsing extends ResolvedAcquire {
  readonly onLost: 'throw' | 'warn';
}
