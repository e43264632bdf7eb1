/** Whether the lock errors of an application are mapped, asked of the service that its methods lock by. */

const DECISIONS = new WeakMap<object, () => boolean>();

/** @param decide asked at each error: the module that decides for all may have its options later than this one. */
export function decideMapping(service: object, decide: () => boolean): void {
  DECISIONS.set(service, decide);
}

/** A service that was made without a module decides nothing. */
export function mapsErrorsOf(service: object | undefined): boolean {
  return (service && DECISIONS.get(service)?.()) ?? true;
}
