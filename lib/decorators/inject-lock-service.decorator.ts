/** The decorator that injects the LockService of a named module. */
import { Inject } from '@nestjs/common';
import { getLockServiceToken } from '../lock.constants.js';

/**
 * Injects the LockService of a module:
 * `constructor(@InjectLockService('billing') private readonly locks: LockService)`.
 * @param name the `name` given to `LockModule.forRoot()`. Leave it out for the unnamed module, which needs no
 * decorator.
 */
export function InjectLockService(name?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getLockServiceToken(name));
}
