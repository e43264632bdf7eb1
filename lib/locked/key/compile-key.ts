/** Compiles the key of `@Locked`, at decoration, to a function that makes the key of each call. */
import {
  fillTemplate,
  follow,
  type KeyTemplate,
  parseTemplate,
  type Placeholder,
} from '../../core/keys/key-template.js';
import { normaliseKeys } from '../../core/keys/normalise-keys.js';
import { LockKeyError } from '../../errors/index.js';
import { type FromContextKey, isFromContext } from '../from-context.js';
import type { LockedCall } from '../locked-call.js';
import type { LockedKey } from '../locked.types.js';
import { requestValueError } from './request-value-error.js';
import { type RequestReader, requestReader } from './request-value.js';

export type KeySource = (call: LockedCall) => string | readonly string[];

export interface CompiledKey {
  readonly keyOf: KeySource;
  /** The parsed templates. Empty if the key is a function. */
  readonly templates: readonly KeyTemplate[];
}

/**
 * Parses templates once. They are filled in for each call.
 * @throws LockKeyError for an invalid template, and for a value that is not a key.
 */
export function compileKey(key: LockedKey): CompiledKey {
  if (typeof key === 'function' || isFromContext(key)) return { keyOf: compileFunction(key), templates: [] };
  if (Array.isArray(key)) {
    const templates = key.map((each) => parseTemplate(each as string));
    if (templates.length === 0)
      throw new LockKeyError('[]', '@Locked needs at least one key, and the list is empty.');
    const makers = templates.map(keyMaker);
    return { keyOf: (call) => makers.map((make) => make(call)), templates };
  }
  const template = parseTemplate(key as string);
  return { keyOf: keyMaker(template), templates: [template] };
}

function compileFunction(
  key: Extract<LockedKey, FromContextKey | ((...args: never[]) => unknown)>,
): KeySource {
  if (isFromContext(key)) {
    return (call) => {
      if (call.scope !== undefined) {
        const { context } = call.scope;
        return checkedKey(() => key.keyOf(context), `The fromContext function of ${call.label}`);
      }
      throw new LockKeyError(
        'fromContext',
        `The lock key of ${call.label} comes from the context of a request, and Nest did not call the method as a handler ` +
          'here. Use a function of the arguments.',
      );
    };
  }
  const keyOf = key as (...args: readonly unknown[]) => unknown;
  return (call) =>
    checkedKey(() => Reflect.apply(keyOf, call.self, call.args), `The key function of ${call.label}`);
}

/** A function that fills in one template. */
function keyMaker(template: KeyTemplate): (call: LockedCall) => string {
  const readers = new Map<Placeholder, RequestReader>();
  for (const part of template.parts) {
    if (typeof part === 'string') continue;
    const { root, path } = part;
    readers.set(
      part,
      typeof root === 'number'
        ? (call) => follow(call.args[root], path)
        : requestReader(root, part, template.source),
    );
  }
  return (call) =>
    fillTemplate(
      template,
      (placeholder) => readers.get(placeholder)?.(call),
      (placeholder, value, why) => requestValueError(call, template.source, placeholder, value, why),
    );
}

/** The keys that a function makes. An error names the function in its message. */
function checkedKey(make: () => unknown, origin: string): string[] {
  let key: unknown;
  try {
    key = make();
    if (typeof (key as { then?: unknown } | undefined)?.then !== 'function') {
      return normaliseKeys(key as string | readonly string[]);
    }
  } catch (error) {
    if (error instanceof LockKeyError) {
      throw new LockKeyError(error.key, `${origin}: ${error.message}`, { cause: error });
    }
    throw error;
  }
  throw new LockKeyError(
    'a promise',
    `${origin} returned a promise. Make the key from the arguments alone, synchronously.`,
  );
}
