/** For instances that neither Nest makes nor a provider gives it. */
import { LockWiringError } from '../../errors/index.js';
import type { LockService } from '../../lock.service.js';
import { serviceProperties, serviceProperty } from './service-property.js';

/**
 * Gives an instance that your own code makes the LockService of its `@Locked` methods, and returns the instance. What Nest
 * makes, and what a provider's factory or value gives, has its service without it.
 *
 * ```ts
 * constructor(@Inject(LockService) private readonly locks: LockService) {}
 * shelf = attachLockService(new Shelf(), this.locks);
 * ```
 * @param name the module's `name`, for methods with `@Locked(…, { service: name })`; none for the unnamed one.
 * @throws LockWiringError for an instance without a `@Locked` method of that module.
 */
export function attachLockService<T extends object>(instance: T, service: LockService, name?: string): T {
  const property = serviceProperty(name);
  if (!serviceProperties(instance).includes(property)) {
    throw new LockWiringError(
      `attachLockService: ${instance.constructor.name} has no method with ` +
        `${name === undefined ? '@Locked' : `@Locked({ service: '${name}' })`}. Give the instance itself, and the name of ` +
        'the module that its methods name.',
    );
  }
  Reflect.set(instance, property, service);
  return instance;
}
