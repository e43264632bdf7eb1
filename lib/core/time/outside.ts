/** What is shared by all callers, or outlives them, runs in no caller's async context. */
import { AsyncResource } from 'node:async_hooks';

/** Of the import of this module, which is to happen where the application starts. */
const root = new AsyncResource('nestjs-locked');

/**
 * Runs `work` outside of the async context of its caller. Node keeps that context as long as a timer, a socket or a pending
 * promise that was made in it: one that the next callers share would keep the first caller's for ever, and show in its trace.
 */
export function runOutside<T>(work: () => T): T {
  return root.runInAsyncScope(work);
}
