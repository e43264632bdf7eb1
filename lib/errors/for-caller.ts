/** Gives errors that arise in timers, messages and replies a stack that leads to the code that waited. */
import { LockError } from './lock.error.js';
import { LockLostError } from './holding/lock-lost.error.js';
import { LockStoreError } from './lock-store.error.js';

const elsewhere = new WeakSet<object>();

/** Marks an error that was made outside of the calls that it ends. One such error may end several calls. */
export function aroseElsewhere(error: unknown): void {
  if (error instanceof LockError) elsewhere.add(error);
}

/**
 * Must be called where one caller gets the error: in its own call, or in a reaction of the promise that it waits for.
 * There V8 finds the async functions that wait (`at async …`). In a timer V8 does not find them. So nothing is recorded
 * in advance, and a call without an error costs nothing.
 * @returns for an error that arose elsewhere, a new copy for this caller, because one stack cannot lead to several
 * callers.
 */
export function forCaller<E>(error: E): E {
  if (!(error instanceof LockError)) return error;
  const foreign = elsewhere.has(error) || error instanceof LockLostError || error instanceof LockStoreError;
  if (!foreign) return error;
  // A native error of the class, made without the constructor of the class, because its arguments are not known here.
  const copy = Reflect.construct(Error, [error.message], error.constructor) as E & object;
  for (const name of Reflect.ownKeys(error)) {
    const property = Object.getOwnPropertyDescriptor(error, name);
    if (name !== 'stack' && property !== undefined) Object.defineProperty(copy, name, property);
  }
  Error.captureStackTrace(copy, forCaller);
  return copy;
}
