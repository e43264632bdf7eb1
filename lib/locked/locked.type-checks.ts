/**
 * The compile-time rules of `@Locked`. The decorator is generic over the method. If the method breaks a rule, the type
 * of the descriptor becomes a sentence, which the compiler quotes in its error.
 *
 * Code that depends on a type parameter of its author counts as correct. The compiler defers a condition on a type
 * parameter, and accepts no descriptor for a deferred condition. So `FirstMessage` compares objects with one property,
 * `of`. For such a condition the compiler decides at once, with a wildcard in place of the type parameter.
 *
 * Two rules follow for each check. Its conditions lead to `unknown` for a wildcard. It begins with a condition on M or
 * C itself, which keeps the compiler from deciding before the method is known.
 */
import type { LockBusyError } from '../errors/index.js';
import type { OnBusy } from './locked.types.js';

type AnyMethod = (...args: never) => unknown;

/**
 * What `@Locked(…)` returns: a method decorator that the compiler refuses on methods that cannot be locked. It is
 * assignable to `MethodDecorator`, so it can be passed to `applyDecorators`, or returned by a decorator of your own.
 */
export interface LockedDecorator<K, B> {
  <M, C extends object>(
    target: C,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<M> & CheckMethod<M, C, K, B>,
  ): void;
  /** The third parameter keeps the compiler from quoting this overload for methods. */
  (target: object, property: MisplacedMessages['onProperty'], ...descriptor: []): never;
  (constructor: MisplacedMessages['onClass']): never;
}

/**
 * The parameter types for a class and for a property. No caller can provide them, so the compiler quotes the message.
 */
interface MisplacedMessages {
  readonly onClass: '@Locked is for methods: put it on each method of the class that is to run under the lock';
  readonly onProperty: '@Locked is for methods: write the property as a method, async name() { … }';
}

/** `unknown` if the method is accepted, otherwise the first message. */
type CheckMethod<M, C, K, B> = M extends AnyMethod
  ? FirstMessage<
      CheckTarget<C>,
      FirstMessage<CheckResult<M>, FirstMessage<CheckKey<M, K>, FirstMessage<CheckOnBusy<M, B>, unknown>>>
    >
  : '@Locked is for methods: write the getter or setter as a method, async name() { … }';

/** The message if there is one, otherwise `Next`. A message that depends on a type parameter does not count. */
type FirstMessage<Message, Next> = { of: Message } extends { of: string } ? Message : Next;

type CheckTarget<C> = C extends CallableFunction | NewableFunction
  ? '@Locked cannot lock a static method, as Nest injects into instances only: make it a method of an instance'
  : unknown;

// --- the method ---

type ResultOf<M> = M extends (...args: never) => infer R ? R : never;

/** The parameters of the method, or of its last overload. */
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
    ? MessageOrUnknown<CheckTemplate<M, S>>
    : { of: K } extends { of: ReadonlyArray<infer S extends string> }
      ? MessageOrUnknown<CheckTemplate<M, S>>
      : { of: K } extends { of: AnyMethod }
        ? CheckKeyFunction<M, K>
        : unknown
  : unknown;

/** `unknown` if there is no message. */
type MessageOrUnknown<Message extends string> = { of: Message } extends { of: never } ? unknown : Message;

type CheckKeyFunction<M, K> = { of: K } extends { of: (...args: ParametersOf<M>) => unknown }
  ? unknown
  : { of: true } extends { of: IsAnnotated<ParametersOf<K>> }
    ? '@Locked: the parameters of the key function do not accept the arguments of the method'
    : '@Locked: annotate the parameters of the key function, such as (id: number) => lockKey`order:${id}`';

/**
 * `true` if no parameter has the type `never`, which is the type of a parameter without an annotation. The recursion
 * ends when no parameter is left, or at a rest parameter.
 */
type IsAnnotated<P> = P extends readonly [(infer Head)?, ...infer Tail]
  ? { of: true } extends { of: IsNotNever<Head> }
    ? P extends Tail
      ? true
      : IsAnnotated<Tail>
    : false
  : P extends ReadonlyArray<infer Each>
    ? IsNotNever<Each>
    : true;

/** `never` for `never`, and `true` for every other type. Distributes over unions. */
type IsNotNever<T> = T extends unknown ? (T extends never ? never : true) : never;

/**
 * `never` for a valid template, otherwise a message. Distributes over several templates, and over their placeholders.
 */
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

/** Distributes over overloads: the result includes `true` if one of the overloads has the argument. */
type HasArgument<P, Index extends number> = P extends readonly unknown[]
  ? number extends P['length']
    ? true
    : `${Index}` extends keyof Required<P>
      ? true
      : false
  : false;

/** A union of the argument lists of up to four overloads. */
type ArgumentsOf<M> = M extends {
  (...args: infer A): unknown;
  (...args: infer B): unknown;
  (...args: infer C): unknown;
  (...args: infer D): unknown;
}
  ? A | B | C | D
  : ParametersOf<M>;

/** A union of the contents of all pairs of braces. */
type Placeholders<S extends string> = S extends `${string}{${infer Inner}}${infer Rest}`
  ? Inner | Placeholders<Rest>
  : never;

/** The template without `{{` and `}}`, which stand for single braces. */
type WithoutDoubledBraces<S extends string> = S extends `${infer Before}{{${infer After}`
  ? WithoutDoubledBraces<`${Before}${After}`>
  : S extends `${infer Before}}}${infer After}`
    ? WithoutDoubledBraces<`${Before}${After}`>
    : S;

// --- onBusy ---

type SettledResult<R> = R extends Subscribable ? R : R extends AsyncIterable<unknown> ? R : Awaited<R>;

/**
 * If `onBusy` is absent, or if the options are declared elsewhere, B is the whole union `OnBusy`, which is accepted.
 */
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
