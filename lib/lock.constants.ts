/**
 * The module's defaults and its public tokens. The defaults of an acquisition are in `core/options/resolve-options.ts`.
 */
import type { InjectionToken } from '@nestjs/common';
import { registerCopy } from './core/util/copies.js';
import { LockService } from './lock.service.js';

export const DEFAULT_REDIS_URL = 'redis://localhost:6379';
export const DEFAULT_PREFIX = 'lock:';
export const DEFAULT_COMMAND_TIMEOUT = 2_000;
export const DEFAULT_LONG_HOLD = 60_000;
export const DEFAULT_BUSY_STATUS = 423;

/** How long a shutdown waits for held locks before it releases them, in ms. */
export const SHUTDOWN_GRACE = 10_000;

/** This copy of the package, in the form in which other copies in the process see it. */
export const THIS_COPY = registerCopy(LockService);

/**
 * The injection token of a module's {@link LockService}.
 * @param name the module's `name`. Without a name, the token is the class `LockService` itself.
 */
export function getLockServiceToken(name?: string): InjectionToken<LockService> {
  return name === undefined ? LockService : Symbol.for(serviceDescription(name));
}

/** Nest quotes the description if there is no such module. In all copies of the package, one name has one symbol. */
function serviceDescription(name: string): string {
  return `LockService of LockModule.forRoot({ name: '${name}' }), which the root module must import`;
}

/**
 * The injection token of a module's store. If a test overrides its provider, no connection is opened:
 *
 * ```ts
 * Test.createTestingModule({ imports: [AppModule] })
 *   .overrideProvider(getLockStoreToken())
 *   .useValue(memoryStore())
 * ```
 * @param name the module's `name`. Leave it out for the unnamed module.
 */
export function getLockStoreToken(name?: string): symbol {
  return Symbol.for(name === undefined ? 'nestjs-locked.store' : `nestjs-locked.store:${name}`);
}
