/** Whether the lock errors of an application are mapped, requested of the service that its methods lock by. */

/** A property of the service: another copy of the package may have made it. */
const DECISION = Symbol.for('nestjs-locked.maps-errors');

/** @param decide requested at each error: the module that decides for all may have its options later than this one. */
export function decideMapping(service: object, decide: () => boolean): void {
  Object.defineProperty(service, DECISION, { value: decide, configurable: true });
}

/** A service that was made without a module decides nothing. */
export function mapsErrorsOf(service: object | undefined): boolean {
  const decide = (service as { [DECISION]?: unknown } | undefined)?.[DECISION];
  const decision: unknown = typeof decide === 'function' ? Reflect.apply(decide, undefined, []) : true;
  // A mock may answer anything.
  return decision !== false;
}
