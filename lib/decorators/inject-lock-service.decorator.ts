/** Injects the service of a named module. */
import { Inject } from '@nestjs/common';
import { getLockServiceToken } from '../lock.constants.js';

/**
 * Injects a module's LockService: `constructor(@InjectLockService('billing') private readonly locks: LockService)`.
 * @param name the `name` given to `LockModule.forRoot()`; none for the unnamed one, which needs no decorator.
 */
export function InjectLockService(name?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getLockServiceToken(name));
}
