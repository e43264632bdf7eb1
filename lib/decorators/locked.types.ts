/**
 * The compile-time rules of `@Locked`. The decorator is generic over the method; what is wrong with it is put into the
 * type of the descriptor as a sentence, which the compiler then quotes.
 */
import type { LockBusyError } from '../errors/index.js';
import type { LockedBaseOptions } from '../interfaces/locked-options.interface.js';
import type { FromContextKey } from './from-context.js';

/** Parameters are checked against the method's, not here: hence `never`, which also shows what was not annotated. */
type AnyMethod = (...args: never[]) => unknown;

/** A static string or template, several of them, a function of the method's arguments, or `fromContext(…)`. */
export type LockedKey =
  string | readonly string[] | ((...args: never[]) => string | readonly string[]) | FromContextKey;

/**
 * What a call does when its lock is busy: throw the LockBusyError, skip the method and return undefined, or return
 * what a function makes of the error and the method's arguments.
 */
export type OnBusy = 'throw' | 'skip' | ((error: LockBusyError, ...args: never[]) => unknown);

/** The options of `@Locked`. */
export interface LockedOptions<B extends OnBusy = OnBusy> extends LockedBaseOptions {
  /**
   * When the lock is busy: `'throw'` a LockBusyError, `'skip'` the method (undefined is returned), or a function
   * whose result is returned. The last two imply `wait: 0` unless `wait` is given.
   * @default 'throw'
   */
  onBusy?: B;
}

/** Options as a literal gives them: of one kind of lock, and with a status for a busy one only where that is an error. */
export type LockedLiteral<B extends OnBusy> = LockedOptions<B> &
  ({ limit?: undefined } | { mode?: undefined }) &
  ({ busyStatus?: undefined } | { onBusy?: 'throw' });

/** The `onBusy` of options that are declared elsewhere, whose type leaves open what of them is there. */
export type BusyOf<O> = O extends { onBusy?: infer B } ? Exclude<B, undefined> : OnBusy;

/** What `@Locked(…)` returns: a method decorator that refuses methods it cannot lock. */
export type LockedDecorator<K, B> = <M extends AnyMethod>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<M> & Verdict<M, K, B>,
) => void;

/** `unknown` where all is well; the first complaint otherwise. */
type Verdict<M extends AnyMethod, K, B> = First<[OfResult<ReturnType<M>>, OfKey<M, K>, OfOnBusy<M, B>]>;

type First<Verdicts> = Verdicts extends [infer Head, ...infer Tail]
  ? Head extends string
    ? Head
    : First<Tail>
  : unknown;

interface Subscribable {
  subscribe(...args: never[]): unknown;
}

type Asynchronous = PromiseLike<unknown> | Subscribable | AsyncGenerator<unknown, unknown, never>;

type OfResult<R> = [R] extends [Asynchronous]
  ? unknown
  : '@Locked: a locked method must be asynchronous. Return a Promise or an Observable (make it async)';

// --- the key ---

type OfKey<M extends AnyMethod, K> = K extends string
  ? Complaint<OfTemplate<M, K>>
  : K extends readonly string[]
    ? Complaint<OfTemplate<M, K[number]>>
    : K extends AnyMethod
      ? OfKeyFunction<M, K>
      : unknown;

type Complaint<C extends string> = [C] extends [never] ? unknown : C;

type OfKeyFunction<M extends AnyMethod, K extends AnyMethod> =
  HasNever<Parameters<K>> extends true
    ? '@Locked: annotate the parameters of the key function, such as (id: number) => lockKey`order:${id}`'
    : K extends (...args: Parameters<M>) => unknown
      ? unknown
      : '@Locked: the parameters of the key function do not accept the arguments of the method';

type HasNever<P extends readonly unknown[]> = P extends readonly [(infer Head)?, ...infer Tail]
  ? [Head] extends [never]
    ? true
    : P extends readonly []
      ? false
      : HasNever<Tail>
  : P extends ReadonlyArray<infer Each>
    ? [Each] extends [never]
      ? true
      : false
    : false;

/** Distributes over several templates, and over the placeholders of each: `never` for the good ones. */
type OfTemplate<M extends AnyMethod, S extends string> = S extends `${string}\${${string}}${string}`
  ? '@Locked: ${…} in plain quotes is never filled in. Use a function, (id: number) => lockKey`order:${id}`, or a placeholder, {0} or {params.id}'
  : OfPlaceholder<M, Placeholders<WithoutDoubled<S>>>;

type OfPlaceholder<M extends AnyMethod, P extends string> = P extends `${infer Root}.${string}`
  ? OfRoot<M, Root>
  : OfRoot<M, P>;

type OfRoot<M extends AnyMethod, Root extends string> = Root extends `${infer Index extends number}`
  ? HasArgument<Parameters<M>, Index> extends true
    ? never
    : `@Locked: the key names {${Root}}, and the method has no argument ${Root} (they count from 0)`
  : Root extends RequestRootName
    ? never
    : `@Locked: the key names {${Root}}, which is neither an argument's index nor params, query, body, headers, user, data or gql. Write {0} for the first argument, or {params.${Root}}`;

type RequestRootName = 'params' | 'query' | 'body' | 'headers' | 'user' | 'data' | 'gql';

type HasArgument<P extends readonly unknown[], Index extends number> = number extends P['length']
  ? true
  : `${Index}` extends keyof Required<P>
    ? true
    : false;

/** The contents of every pair of braces. */
type Placeholders<S extends string> = S extends `${string}{${infer Inner}}${infer Rest}`
  ? Inner | Placeholders<Rest>
  : never;

type WithoutDoubled<S extends string> = S extends `${infer Before}{{${infer After}`
  ? WithoutDoubled<`${Before}${After}`>
  : S extends `${infer Before}}}${infer After}`
    ? WithoutDoubled<`${Before}${After}`>
    : S;

// --- onBusy ---

type Settled<R> = R extends Subscribable
  ? R
  : R extends AsyncGenerator<unknown, unknown, never>
    ? R
    : Awaited<R>;

/** All of them at once is what options without it, or from elsewhere, come to. */
type OfOnBusy<M extends AnyMethod, B> = [OnBusy] extends [B]
  ? unknown
  : B extends 'skip'
    ? undefined extends Settled<ReturnType<M>>
      ? unknown
      : void extends Settled<ReturnType<M>>
        ? unknown
        : "@Locked: onBusy: 'skip' returns undefined, which the result of the method excludes. Add undefined to it, or give a function"
    : B extends AnyMethod
      ? OfBusyFunction<M, B>
      : unknown;

type OfBusyFunction<M extends AnyMethod, B extends AnyMethod> =
  HasNever<Parameters<B>> extends true
    ? '@Locked: annotate the parameters of onBusy, such as (error, sku: string) => null'
    : B extends (error: LockBusyError, ...args: Parameters<M>) => infer Result
      ? [Settled<Result>] extends [Settled<ReturnType<M>>]
        ? unknown
        : void extends Settled<ReturnType<M>>
          ? unknown
          : '@Locked: onBusy returns something else than the method does'
      : '@Locked: the parameters of onBusy do not accept (error, …arguments of the method)';
