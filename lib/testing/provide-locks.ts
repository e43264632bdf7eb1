/** For unit tests of classes with locked methods: what Nest would inject, given by hand. */
import { LockEngine } from '../core/engine/lock-engine.js';
import { resolvePolicy } from '../core/options/resolve-options.js';
import { serviceProperties } from '../locked/decoration/service-property.js';
import { LockWiringError } from '../errors/index.js';
import type { LockService } from '../lock.service.js';
import { LockControls, type LockControlsOptions } from './lock-controls.js';
import { RecordingLockService } from './recording-lock-service.js';

/**
 * A LockService of its own, on a store in memory: as in an application, without one.
 * @param given controls to hold keys, take them away, and check the calls; or options of controls of its own.
 */
export function memoryLocks(given: LockControls | LockControlsOptions = {}): LockService {
  const controls = given instanceof LockControls ? given : new LockControls(given);
  const engine = new LockEngine({
    store: controls.store,
    owner: 'test',
    maxWaiters: Infinity,
    longHold: Infinity,
    emit: () => {},
  });
  return new RecordingLockService(engine, resolvePolicy(), controls.record);
}

/**
 * Gives an instance made by hand the LockService of its `@Locked` methods, and returns it.
 *
 * ```ts
 * const stock = provideLocks(new Stock(fakeRepository));
 * await stock.take('sku-1', 2);
 * ```
 * @param service for all named modules as well. By default one of the instance's own, in memory: give several
 * instances the same, from {@link memoryLocks}, to have them exclude each other.
 * @throws LockWiringError for an instance without a `@Locked` method.
 */
export function provideLocks<T extends object>(instance: T, service: LockService = memoryLocks()): T {
  const properties = serviceProperties(instance);
  if (properties.length === 0) {
    throw new LockWiringError(
      `provideLocks: ${instance.constructor.name} has no @Locked method. Give the instance itself, not a mock of it.`,
    );
  }
  for (const property of properties) Reflect.set(instance, property, service);
  return instance;
}
