/** The HTTP status one `@Locked` requests when its lock is busy: travels with the error to the interceptor. */

/** Registered, so that two builds of this package agree on it. */
const STATUS = Symbol.for('nestjs-locked.busy-status');

export function markBusyStatus<E extends object>(error: E, status: number): E {
  return Object.defineProperty(error, STATUS, { value: status, configurable: true });
}

export function busyStatusOf(error: object): number | undefined {
  const status = (error as { [STATUS]?: unknown })[STATUS];
  return typeof status === 'number' ? status : undefined;
}
