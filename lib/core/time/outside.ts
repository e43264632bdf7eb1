/** Runs work outside of any caller's async context, if all callers share the work, or if it outlives them. */
import { AsyncResource } from 'node:async_hooks';

/** Has the async context in which this module is imported, which is that of the start of the application. */
const root = new AsyncResource('nestjs-locked');

/**
 * Runs `work` outside of the async context of its caller. Node keeps an async context as long as a timer, a socket or a
 * pending promise that was made in it. If callers share such an object, it would keep the first caller's context for
 * ever, and would show in that caller's trace.
 */
export function runOutside<T>(work: () => T): T {
  return root.runInAsyncScope(work);
}
