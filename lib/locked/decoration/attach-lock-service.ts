/** Gives the LockService to instances that neither Nest nor a provider makes. */
import { LockWiringError } from '../../errors/index.js';
import type { LockService } from '../../lock.service.js';
import { serviceProperties, serviceProperty } from './service-property.js';

/**
 * Gives the LockService to an instance that your own code makes, for the `@Locked` methods of the instance. Returns the
 * instance. Instances that Nest makes, and instances from the factory or the value of a provider, get the service
 * without it.
 *
 * ```ts
 * constructor(@Inject(LockService) private readonly locks: LockService) {}
 * shelf = attachLockService(new Shelf(), this.locks);
 * ```
 * @param name the `name` of the module, for methods with `@Locked(…, { service: name })`. Leave it out for the unnamed
 * module.
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
