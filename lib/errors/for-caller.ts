/** Stacks of errors that arise in timers, messages and replies: they are to lead to the code that waited. */
import { LockError } from './lock.error.js';
import { LockLostError } from './holding/lock-lost.error.js';
import { LockStoreError } from './lock-store.error.js';

const elsewhere = new WeakSet<object>();

/** The error was made outside of the calls that it ends, perhaps one for several of them. */
export function aroseElsewhere(error: unknown): void {
  if (error instanceof LockError) elsewhere.add(error);
}

/**
 * To be called where the error is handed to one caller: in its own call, or in a reaction of the promise that it waits for.
 * There V8 finds the async functions that wait (`at async …`), which it does not in a timer. So nothing is recorded, and
 * nothing paid, while all goes well.
 * @returns for an error that arose elsewhere, a copy of this caller's own: one stack cannot lead to several callers.
 */
export function forCaller<E>(error: E): E {
  if (!(error instanceof LockError)) return error;
  const foreign = elsewhere.has(error) || error instanceof LockLostError || error instanceof LockStoreError;
  if (!foreign) return error;
  // A native error of the same class, without its constructor, whose parameters are not known here.
  const copy = Reflect.construct(Error, [error.message], error.constructor) as E & object;
  for (const name of Reflect.ownKeys(error)) {
    const property = Object.getOwnPropertyDescriptor(error, name);
    if (name !== 'stack' && property !== undefined) Object.defineProperty(copy, name, property);
  }
  Error.captureStackTrace(copy, forCaller);
  return copy;
}
