/** The `busyStatus` of a lock. That of one `@Locked` is attached to the LockBusyError, so that the interceptor can read it. */

/** A registered symbol, so that two builds of this package use the same one. */
const STATUS = Symbol.for('nestjs-locked.busy-status');

/** Whether a value can be a `busyStatus`. */
export function isBusyStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 400 && value <= 599;
}

export function markBusyStatus<E extends object>(error: E, status: number): E {
  return Object.defineProperty(error, STATUS, { value: status, configurable: true });
}

export function busyStatusOf(error: object): number | undefined {
  const status = (error as { [STATUS]?: unknown })[STATUS];
  return typeof status === 'number' ? status : undefined;
}
