/**
 * Whether the lock errors of an application are mapped. The decision is stored in the LockService that its methods use.
 */

/**
 * A property of the service under a registered symbol, because another copy of the package may have made the service.
 */
const DECISION = Symbol.for('nestjs-locked.maps-errors');

/**
 * @param decide called at each error. The module that decides for all modules may get its options later than the module
 * of this service.
 */
export function decideMapping(service: object, decide: () => boolean): void {
  Object.defineProperty(service, DECISION, { value: decide, configurable: true });
}

/** Whether errors are mapped. True without a service, and for a service that was made without a module. */
export function mapsErrorsOf(service: object | undefined): boolean {
  const decide = (service as { [DECISION]?: unknown } | undefined)?.[DECISION];
  const decision: unknown = typeof decide === 'function' ? Reflect.apply(decide, undefined, []) : true;
  // A mock may return anything.
  return decision !== false;
}
