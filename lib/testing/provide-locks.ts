/** For unit tests of classes with locked methods: sets the services that Nest would inject. */
import { LockEngine } from '../core/engine/lock-engine.js';
import { resolvePolicy } from '../core/options/resolve-options.js';
import { serviceProperties } from '../locked/decoration/service-property.js';
import { LockWiringError } from '../errors/index.js';
import type { LockService } from '../lock.service.js';
import { LockControls, type LockControlsOptions } from './lock-controls.js';
import { RecordingLockService } from './recording-lock-service.js';

/**
 * Makes a LockService on a store in memory. The service works as in an application, but needs no application.
 * @param given the controls with which the test holds and expires keys and reads the calls, or the options of new
 * controls.
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
 * Sets the LockService of the `@Locked` methods of an instance that the test has made, and returns the instance.
 *
 * ```ts
 * const stock = provideLocks(new Stock(fakeRepository));
 * await stock.take('sku-1', 2);
 * ```
 * @param service the service of the instance, in place of the services of named modules as well. By default each
 * instance gets a new service in memory. Instances exclude each other only if they have one service: make it by
 * {@link memoryLocks}.
 * @throws LockWiringError if the instance has no `@Locked` method.
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
