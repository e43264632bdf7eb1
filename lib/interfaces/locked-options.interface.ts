import type { UsingOptions } from '../core/acquire.options.js';

/** The options of `@Locked` that do not depend on the method. `onBusy` is typed by the decorator itself. */
export interface LockedBaseOptions extends UsingOptions {
  /** The `name` of the LockModule to lock with. @default the unnamed one */
  service?: string;
  /** The HTTP status when this lock is busy. @default the module's `http.busyStatus`, 423 */
  busyStatus?: number;
}
