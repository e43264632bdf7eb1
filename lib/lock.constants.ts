/** Defaults of the module (those of an acquisition stand in `core/resolve-options.ts`) and its public tokens. */
import type { InjectionToken } from '@nestjs/common';
import { registerCopy } from './core/util/copies.js';
import { LockService } from './lock.service.js';

export const DEFAULT_REDIS_URL = 'redis://localhost:6379';
export const DEFAULT_PREFIX = 'lock:';
export const DEFAULT_COMMAND_TIMEOUT = 2_000;
export const DEFAULT_LONG_HOLD = 60_000;
export const DEFAULT_BUSY_STATUS = 423;

/** How long a shutdown waits for the locks still held before it releases them, in ms. */
export const SHUTDOWN_GRACE = 10_000;

/** This copy of the package, as other copies in the process see it. */
export const THIS_COPY = registerCopy(LockService);

/**
 * The token of a module's {@link LockService}.
 * @param name the module's `name`; none for the unnamed one, whose token is the class itself.
 */
export function getLockServiceToken(name?: string): InjectionToken<LockService> {
  return name === undefined ? LockService : Symbol.for(`nestjs-locked.service:${name}`);
}

/**
 * The token of a module's store. Override its provider in a test, and no connection is opened:
 *
 * ```ts
 * Test.createTestingModule({ imports: [AppModule] })
 *   .overrideProvider(getLockStoreToken())
 *   .useValue(memoryStore())
 * ```
 * @param name the module's `name`; none for the unnamed one.
 */
export function getLockStoreToken(name?: string): symbol {
  return Symbol.for(name === undefined ? 'nestjs-locked.store' : `nestjs-locked.store:${name}`);
}
