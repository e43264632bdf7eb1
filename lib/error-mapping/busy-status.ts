/** The `busyStatus` of one `@Locked`. It is attached to the LockBusyError, so that the interceptor can read it. */

/** A registered symbol, so that two builds of this package use the same one. */
const STATUS = Symbol.for('nestjs-locked.busy-status');

export function markBusyStatus<E extends object>(error: E, status: number): E {
  return Object.defineProperty(error, STATUS, { value: status, configurable: true });
}

export function busyStatusOf(error: object): number | undefined {
  const status = (error as { [STATUS]?: unknown })[STATUS];
  return typeof status === 'number' ? status : undefined;
}
