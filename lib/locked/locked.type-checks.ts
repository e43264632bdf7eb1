/**
 * The compile-time rules of `@Locked`. The decorator is generic over the method; what is wrong with it is put into the
 * type of the descriptor as a sentence, which the compiler then quotes.
 *
 * What depends on a type parameter of the author's counts as right. The compiler puts off a condition on a type parameter,
 * and takes no descriptor for what it has put off. So `FirstMessage` requests a property of an object: there the compiler decides,
 * with a wildcard in the place of the parameter. The conditions are written such that a wildcard leads to `unknown`, and
 * each verdict begins with a condition on M or C itself: it keeps the compiler from deciding before there is a method.
 */
import type { LockBusyError } from '../errors/index.js';
import type { OnBusy } from './locked.types.js';

type AnyMethod = (...args: never) => unknown;

/**
 * What `@Locked(…)` returns: a method decorator that refuses methods it cannot lock. It serves as a `MethodDecorator`: for
 * `applyDecorators`, and as the result of a decorator of your own.
 */
export interface LockedDecorator<K, B> {
  <M, C extends object>(
    target: C,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<M> & CheckMethod<M, C, K, B>,
  ): void;
  /** The third keeps the compiler from quoting it for methods too. */
  (target: object, property: MisplacedMessages['onProperty'], ...descriptor: []): never;
  (constructor: MisplacedMessages['onClass']): never;
}

/** Where no method is: what is expected there can be given by nobody. */
interface MisplacedMessages {
  readonly onClass: '@Locked is for methods: put it on each method of the class that is to run under the lock';
  readonly onProperty: '@Locked is for methods: write the property as a method, async name() { … }';
}

/** `unknown` where all is well; the first complaint otherwise. */
type CheckMethod<M, C, K, B> = M extends AnyMethod
  ? FirstMessage<
      CheckTarget<C>,
      FirstMessage<CheckResult<M>, FirstMessage<CheckKey<M, K>, FirstMessage<CheckOnBusy<M, B>, unknown>>>
    >
  : '@Locked is for methods: write the getter or setter as a method, async name() { … }';

/** A complaint that depends on a type parameter is none. */
type FirstMessage<Message, Next> = { of: Message } extends { of: string } ? Message : Next;

type CheckTarget<C> = C extends CallableFunction | NewableFunction
  ? '@Locked cannot lock a static method, as Nest injects into instances only: make it a method of an instance'
  : unknown;

// --- the method ---

type ResultOf<M> = M extends (...args: never) => infer R ? R : never;

/** Of the last overload, if there are several. */
type ParametersOf<M> = M extends (...args: infer P) => unknown ? P : never;

interface Subscribable {
  subscribe(...args: never[]): unknown;
}

type Asynchronous = PromiseLike<unknown> | Subscribable | AsyncGenerator<unknown, unknown, never>;

type CheckResult<M> = M extends (...args: never) => infer R
  ? { of: R } extends { of: Asynchronous }
    ? unknown
    : { of: AsyncGenerator<never, never, unknown> } extends { of: R }
      ? { of: R } extends { of: AsyncIterable<unknown> | AsyncIterator<unknown, unknown, never> }
        ? unknown
        : SynchronousMessage
      : SynchronousMessage
  : unknown;

type SynchronousMessage =
  '@Locked: a locked method must be asynchronous. Return a Promise or an Observable (make it async)';

// --- the key ---

type CheckKey<M, K> = M extends AnyMethod
  ? { of: K } extends { of: infer S extends string }
    ? OnlyMessage<CheckTemplate<M, S>>
    : { of: K } extends { of: ReadonlyArray<infer S extends string> }
      ? OnlyMessage<CheckTemplate<M, S>>
      : { of: K } extends { of: AnyMethod }
        ? CheckKeyFunction<M, K>
        : unknown
  : unknown;

type OnlyMessage<C extends string> = { of: C } extends { of: never } ? unknown : C;

type CheckKeyFunction<M, K> = { of: K } extends { of: (...args: ParametersOf<M>) => unknown }
  ? unknown
  : { of: true } extends { of: IsAnnotated<ParametersOf<K>> }
    ? '@Locked: the parameters of the key function do not accept the arguments of the method'
    : '@Locked: annotate the parameters of the key function, such as (id: number) => lockKey`order:${id}`';

/** Is there no parameter whose type is `never`? The end is reached where nothing is left, or the rest of an array. */
type IsAnnotated<P> = P extends readonly [(infer Head)?, ...infer Tail]
  ? { of: true } extends { of: IsNotNever<Head> }
    ? P extends Tail
      ? true
      : IsAnnotated<Tail>
    : false
  : P extends ReadonlyArray<infer Each>
    ? IsNotNever<Each>
    : true;

/** Distributes: `never` makes `never`, everything else `true`. */
type IsNotNever<T> = T extends unknown ? (T extends never ? never : true) : never;

/** Distributes over several templates, and over the placeholders of each: `never` for the good ones. */
type CheckTemplate<M, S extends string> = S extends `${string}\${${string}}${string}`
  ? '@Locked: ${…} in plain quotes is never filled in. Use a function, (id: number) => lockKey`order:${id}`, or a placeholder, {0} or {params.id}'
  : CheckPlaceholder<M, Placeholders<WithoutDoubledBraces<S>>>;

type CheckPlaceholder<M, P extends string> = P extends `${infer Root}.${string}`
  ? CheckRoot<M, Root>
  : CheckRoot<M, P>;

type CheckRoot<M, Root extends string> = Root extends `${infer Index extends number}`
  ? { of: true } extends { of: HasArgument<ArgumentsOf<M>, Index> }
    ? never
    : `@Locked: the key names {${Root}}, and the method has no argument ${Root} (they count from 0)`
  : Root extends RequestRootName
    ? never
    : `@Locked: the key names {${Root}}, which is neither an argument's index nor params, query, body, headers, user, data or gql. Write {0} for the first argument, or {params.${Root}}`;

type RequestRootName = 'params' | 'query' | 'body' | 'headers' | 'user' | 'data' | 'gql';

/** Distributes over overloads: `true` is among the answers if one of them has it. */
type HasArgument<P, Index extends number> = P extends readonly unknown[]
  ? number extends P['length']
    ? true
    : `${Index}` extends keyof Required<P>
      ? true
      : false
  : false;

/** The arguments of each of up to four overloads. */
type ArgumentsOf<M> = M extends {
  (...args: infer A): unknown;
  (...args: infer B): unknown;
  (...args: infer C): unknown;
  (...args: infer D): unknown;
}
  ? A | B | C | D
  : ParametersOf<M>;

/** The contents of every pair of braces. */
type Placeholders<S extends string> = S extends `${string}{${infer Inner}}${infer Rest}`
  ? Inner | Placeholders<Rest>
  : never;

type WithoutDoubledBraces<S extends string> = S extends `${infer Before}{{${infer After}`
  ? WithoutDoubledBraces<`${Before}${After}`>
  : S extends `${infer Before}}}${infer After}`
    ? WithoutDoubledBraces<`${Before}${After}`>
    : S;

// --- onBusy ---

type SettledResult<R> = R extends Subscribable ? R : R extends AsyncIterable<unknown> ? R : Awaited<R>;

/** All of them at once is what options without it, or from elsewhere, come to. */
type CheckOnBusy<M, B> = M extends AnyMethod
  ? { of: OnBusy } extends { of: B }
    ? unknown
    : { of: 'skip' } extends { of: B }
      ? { of: undefined } extends { of: SettledResult<ResultOf<M>> }
        ? unknown
        : { of: void } extends { of: SettledResult<ResultOf<M>> }
          ? unknown
          : "@Locked: onBusy: 'skip' returns undefined, which the result of the method excludes. Add undefined to it, or give a function"
      : { of: B } extends { of: AnyMethod }
        ? CheckBusyFunction<M, B>
        : unknown
  : unknown;

type CheckBusyFunction<M, B> = { of: B } extends {
  of: (error: LockBusyError, ...args: ParametersOf<M>) => infer Result;
}
  ? { of: SettledResult<Result> } extends { of: SettledResult<ResultOf<M>> }
    ? unknown
    : { of: void } extends { of: SettledResult<ResultOf<M>> }
      ? unknown
      : '@Locked: onBusy returns something else than the method does'
  : { of: true } extends { of: IsAnnotated<ParametersOf<B>> }
    ? '@Locked: the parameters of onBusy do not accept (error, …arguments of the method)'
    : '@Locked: annotate the parameters of onBusy, such as (error, sku: string) => null';
