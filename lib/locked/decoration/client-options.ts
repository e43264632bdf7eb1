/**
 * Checks `holdUntil` and `abortOn` when the application starts. Both options need a client, so they are an error on a
 * method that no client can call.
 */
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

/**
 * The metadata keys that Nest's decorators set on a method. Decorators above `@Locked` run after it, so the check waits
 * for the start of the application.
 */
const ROUTE = 'path';
const RESOLVER = ['graphql:resolver_type', 'graphql:resolve_property'];
const MESSAGE = 'websockets:message_mapping';
const PATTERN = 'microservices:handler_type';
/** The value of PATTERN for `@MessagePattern`. The sender of an event waits for nothing. */
const REQUEST = 1;

/** Records the client options of a decorated method. */
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

/** @throws LockOptionsError for the first method of a class that has such an option and that no client can call. */
export function checkClientOptions(prototype: object): void {
  for (const declared of declaredOf(prototype)) {
    // A subclass may have overridden the method.
    if (ownerOf(prototype, declared.method) !== declared.prototype) continue;
    const handler: unknown = Reflect.get(prototype, declared.method);
    if (typeof handler === 'function' && !APPLIES_TO[declared.option](handler)) throw optionError(declared);
  }
}

/** Whether an option can have an effect on a handler. */
const APPLIES_TO: Record<Option, (handler: object) => boolean> = {
  holdUntil: hasResponse,
  abortOn: (handler) =>
    hasResponse(handler) || has(handler, MESSAGE) || Reflect.getMetadata(PATTERN, handler) === REQUEST,
};

/** Whether HTTP calls the handler, or GraphQL over HTTP. */
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
      ? 'no HTTP or GraphQL request calls it, so there is no response. Put the option on the handler that answers, or ' +
        'leave it out: the lock is then held until the end of the call.'
      : 'no client calls it that could disconnect. Put the option on the handler, or leave it out.';
  return new LockOptionsError(option, value, `@Locked({ ${option}: '${value}' }) on ${label}: ${why}`);
}
