import type { UsingOptions } from '../core/options/acquire.options.js';

/**
 * The options of `@Locked` that do not depend on the method. The decorator itself has the type of `onBusy`. There is no
 * `within`, because no lock is held yet when a class is defined.
 */
export interface LockedBaseOptions extends Omit<UsingOptions, 'within'> {
  /** The `name` of the LockModule to lock with. @default the unnamed module */
  service?: string;
  /** The HTTP status if this lock is busy. @default the module's `http.busyStatus`, 423 */
  busyStatus?: number;
  /**
   * Keep the lock of an HTTP handler until the response has been sent, or the connection is closed. So the next holder
   * begins after the client has its response. This is also true for the response of an error. A response that is never
   * sent keeps the lock, so set a `maxHold`. A call by RPC, by WebSocket or by other code has no response. Then the
   * lock is released at the end of the call. On a method that no HTTP or GraphQL request calls, this option is an error
   * at start-up.
   * @default the end of the call
   */
  holdUntil?: 'response';
  /**
   * Abort the `signal` of a handler's lock with a LockAbortedError when the client disconnects. The signal is also
   * aborted when Nest unsubscribes from the observable of the handler. The lock stays held until the handler has
   * settled. (A handler that still waits for its lock stops to wait in any case.) On a method that no client calls,
   * this option is an error at start-up.
   * @default the handler runs to its end
   */
  abortOn?: 'disconnect';
}
