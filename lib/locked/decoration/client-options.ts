/** `holdUntil` and `abortOn` need a client: a method that none can call is found when the application starts. */
import { LockOptionsError } from '../../errors/index.js';
import type { ResolvedLockedOptions } from '../locked.options.js';

type Option = 'holdUntil' | 'abortOn';

interface Declared {
  readonly prototype: object;
  readonly method: string | symbol;
  readonly label: string;
  readonly option: Option;
  readonly value: string;
}

const DECLARED = Symbol.for('nestjs-locked.client-options');

/** What Nest's decorators leave on a method. Those above `@Locked` do so later: hence the check at the start. */
const ROUTE = 'path';
const RESOLVER = ['graphql:resolver_type', 'graphql:resolve_property'];
const MESSAGE = 'websockets:message_mapping';
const PATTERN = 'microservices:handler_type';
/** Of a `@MessagePattern`; an event's sender waits for nothing. */
const REQUEST = 1;

/** Notes what a decoration requests. */
export function declareClientOptions(
  prototype: object,
  method: string | symbol,
  label: string,
  options: ResolvedLockedOptions,
): void {
  const known = declaredOf(prototype);
  const added = (['holdUntil', 'abortOn'] as const).flatMap((option): Declared[] => {
    const value = options[option];
    return value === undefined ? [] : [{ prototype, method, label, option, value }];
  });
  if (added.length > 0) Reflect.defineMetadata(DECLARED, [...known, ...added], prototype);
}

/** @throws LockOptionsError for the first method of a class whose option could never do anything. */
export function checkClientOptions(prototype: object): void {
  for (const declared of declaredOf(prototype)) {
    // A subclass may have put its own in the place of the method.
    if (ownerOf(prototype, declared.method) !== declared.prototype) continue;
    const handler: unknown = Reflect.get(prototype, declared.method);
    if (typeof handler === 'function' && !APPLIES_TO[declared.option](handler)) throw optionError(declared);
  }
}

const APPLIES_TO: Record<Option, (handler: object) => boolean> = {
  holdUntil: hasResponse,
  abortOn: (handler) =>
    hasResponse(handler) || has(handler, MESSAGE) || Reflect.getMetadata(PATTERN, handler) === REQUEST,
};

/** By HTTP, or by GraphQL over it. */
function hasResponse(handler: object): boolean {
  return has(handler, ROUTE) || RESOLVER.some((each) => has(handler, each));
}

function has(handler: object, key: string): boolean {
  return Reflect.hasMetadata(key, handler);
}

function declaredOf(prototype: object): readonly Declared[] {
  const declared: unknown = Reflect.getMetadata(DECLARED, prototype);
  return Array.isArray(declared) ? (declared as Declared[]) : [];
}

function ownerOf(prototype: object, method: string | symbol): object | null {
  let owner: object | null = prototype;
  while (owner !== null && !Object.hasOwn(owner, method))
    owner = Object.getPrototypeOf(owner) as object | null;
  return owner;
}

function optionError({ label, option, value }: Declared): LockOptionsError {
  const why =
    option === 'holdUntil'
      ? 'no HTTP or GraphQL request calls it, so that there is no response. Put it on the handler that answers, or leave ' +
        'it out: the lock is kept to the end of the call.'
      : 'no client calls it that could leave. Put it on the handler, or leave it out.';
  return new LockOptionsError(option, value, `@Locked({ ${option}: '${value}' }) on ${label}: ${why}`);
}
