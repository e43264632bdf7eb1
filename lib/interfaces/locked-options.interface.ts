import type { UsingOptions } from '../core/options/acquire.options.js';

/**
 * The options of `@Locked` that do not depend on the method. `onBusy` is typed by the decorator itself. `within` is left
 * out: no lock is held yet when a class is defined.
 */
export interface LockedBaseOptions extends Omit<UsingOptions, 'within'> {
  /** The `name` of the LockModule to lock with. @default the unnamed one */
  service?: string;
  /** The HTTP status when this lock is busy. @default the module's `http.busyStatus`, 423 */
  busyStatus?: number;
  /**
   * Keep the lock of an HTTP handler until its response has been sent, or its connection closed: the next holder begins
   * when the client has its answer, an error's too. A response that is never sent keeps the lock: give it a `maxHold`.
   * Where a call of the method has no response (RPC, WebSocket, a call by other code), it ends with the call. On a
   * method that no HTTP or GraphQL request calls, it is an error at start-up.
   * @default the end of the call
   */
  holdUntil?: 'response';
  /**
   * Abort the `signal` of the lock that a handler runs under when its client disconnects, or when what Nest subscribed to
   * is unsubscribed: with a LockAbortedError. The lock stays held until the handler has settled. (One that still waits
   * for its lock is withdrawn in any case.) On a method that no client calls, it is an error at start-up.
   * @default the handler runs to its end
   */
  abortOn?: 'disconnect';
}
