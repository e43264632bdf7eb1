/** The options of one acquisition, as users write them and as the core works with them. */
import type { CallRecord } from '../events/tracer.js';
import type { Duration } from '../time/duration.js';
import type { Lock } from '../contracts/lock.js';
import type { AnySignal } from '../util/shared-listeners.js';
import type { LockKind, LockAccess } from '../contracts/token.js';

export interface AcquireOptions {
  /**
   * How long the lease runs without a renewal. After a crash the key stays busy for up to this long. At least 50 ms.
   * @default '30s'
   */
  ttl?: Duration;
  /**
   * How long to wait for other holders. With 0, the call fails at once if the key is busy.
   * @default '10s'
   */
  wait?: Duration;
  /**
   * Renew the lease at a third of its ttl, until the release. With `false`, the hold ends at its ttl.
   * @default true
   */
  renew?: boolean;
  /** End the hold, as lost, after this long, even if its lease was renewed. @default none */
  maxHold?: Duration;
  /**
   * Keep the key busy for at least this long after it was acquired, even if it is released earlier. For a short job that
   * must not run twice within this time. `release()` itself returns at once.
   * @default 0
   */
  minHold?: Duration;
  /**
   * What happens if this call already runs under a lock on the key, by `@Locked` or `using`. The async context tells. A
   * shared queue, an event listener or a timer may have inherited that context without being part of the holder's work.
   *
   * - `'throw'`: the call throws a LockReentryError at once, because it could wait for itself.
   * - `'join'`: the call joins the outer hold, with its lease and its fence. The outermost call releases the hold. A
   *   joined key keeps the `ttl`, `renew` and `maxHold` of the outermost call. A `minHold` counts from the joining.
   * - `'wait'`: the call waits like any other caller, without that check. If the call is part of the holder's work, it
   *   waits for itself until its `wait` is over.
   * @default 'throw'
   */
  reentry?: Reentry;
  /**
   * A held lock of the same service. The call joins exactly this lock, as by `reentry: 'join'`, and the async context is
   * not checked. The lock must hold at least one of the keys. The call takes the keys that the lock does not hold.
   * @default none
   */
  within?: Lock;
  /** Ends the wait (not the hold) with a LockAbortedError. */
  signal?: AbortSignal;
  /**
   * `'exclusive'`: one holder at a time. `'shared'`: a reader, which holds the key together with other readers. Readers
   * and exclusive holders (writers) exclude each other. Not together with `limit`.
   * @default 'exclusive'
   */
  mode?: LockMode;
  /**
   * Makes the key a semaphore: at most this many callers hold it at a time, on all machines together. A whole number
   * from 1. All callers of a key should give the same limit. If the limits differ, each caller is admitted by its own
   * limit. `1` makes a semaphore of one permit, which is no exclusive lock: one key cannot have both kinds. Not
   * together with `mode`.
   * @default none
   */
  limit?: number;
}

/** What a call does about a key if it already runs under a lock on that key. */
export type Reentry = 'throw' | 'join' | 'wait';

/** The kinds of lock that may be taken on one key together. */
export type LockMode = Exclude<LockKind, 'semaphore'>;

/**
 * Options of one kind, as an object literal has them: of an exclusive or shared lock, or of a semaphore. A function that
 * passes on options declared as {@link AcquireOptions}, or as an interface that extends it, is not bound to one kind: see
 * {@link DeclaredOptions}.
 */
export type OneKind<O extends AcquireOptions> = (O & { limit?: undefined }) | (O & { mode?: undefined });

/**
 * Options with a declared type that leaves open which of `mode` and `limit` is present. They are checked at run time,
 * when they are used.
 */
export type DeclaredOptions<O> = 'mode' | 'limit' extends keyof O
  ? object extends Pick<O, 'mode' | 'limit'>
    ? O
    : never
  : never;

export interface UsingOptions extends AcquireOptions {
  /**
   * What happens if the lock was lost during the work. `'throw'`: throw a LockLostError once the work has settled.
   * `'warn'`: write a warning to the log, and return the result of the work.
   * @default 'throw'
   */
  onLost?: 'throw' | 'warn';
}

/** The options that a module sets for all its locks. */
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

/** Resolved options of an acquisition. All times are in milliseconds. */
export interface ResolvedAcquire {
  readonly ttl: number;
  readonly wait: number;
  readonly renew: boolean;
  /** `Infinity` if there is none. */
  readonly maxHold: number;
  readonly minHold: number;
  readonly reentry: Reentry;
  readonly within: Lock | undefined;
  readonly signal: AnySignal | undefined;
  readonly access: LockAccess;
  /** The decorated method that acquires. Undefined for other callers. */
  readonly origin?: LockOrigin;
  /** The name of the module. Undefined for the unnamed module. */
  readonly module?: string;
  /** The record of this call, while telemetry runs. */
  readonly call?: CallRecord;
}

/** What is known about a caller when its method is decorated. */
export interface LockOrigin {
  /** The method, such as `OrdersController.pay`. */
  readonly label: string;
  /**
   * The template of the key, such as `order:{params.id}`. Several templates are joined by `, `. Undefined if a function
   * makes the key.
   */
  readonly template: string | undefined;
  /** Whether the call gets no spans: a check of health is part of no trace. */
  readonly untraced?: true;
}

export interface ResolvedUsing extends ResolvedAcquire {
  readonly onLost: 'throw' | 'warn';
}
