/** The module that an application imports. */
import { type DynamicModule, Inject, Module, Optional } from '@nestjs/common';
import { LockWiringError } from './errors/index.js';
import type {
  LockModuleAsyncOptions,
  LockModuleRootOptions,
} from './interfaces/lock-module-options.interface.js';
import { LockLifecycle } from './module/lock.lifecycle.js';
import { ConfigurableModuleClass } from './lock.module-definition.js';
import { checkAsyncOptions, checkExtras, resolveModuleOptions } from './module/resolve-module-options.js';

/**
 * Distributed locks for an application. Import the module once, in the root module: it is global. For several sets of
 * locks, import one module for each, with a `name`. An application starts even if Redis is down: acquisitions fail
 * until Redis answers.
 *
 * At shutdown the module takes no more locks, waits up to 10 s for the locks that are held, and releases them. It
 * closes the Redis client only if it opened the client itself.
 */
@Module({})
export class LockModule extends ConfigurableModuleClass {
  /** @internal */
  constructor(@Optional() @Inject(LockLifecycle) lifecycle?: LockLifecycle) {
    super();
    if (lifecycle === undefined) {
      throw new LockWiringError(
        'LockModule is imported without options. Import LockModule.forRoot() in the root module; it is global, so other ' +
          'modules need not import it.',
      );
    }
  }

  /**
   * @param options each option has a default. Without options, locks are on `redis://localhost:6379`.
   * @throws LockOptionsError for a misspelt option or an invalid value.
   */
  static override forRoot(options: LockModuleRootOptions = {}): DynamicModule {
    checkRootOptions(options);
    return super.forRoot(options);
  }

  /**
   * Takes the options from a factory, which runs when its dependencies are available. The options are checked after it
   * has returned them.
   * @throws LockOptionsError unless there is exactly one of `useFactory`, `useClass` and `useExisting`.
   */
  static override forRootAsync(options: LockModuleAsyncOptions): DynamicModule {
    checkAsyncOptions(options);
    return super.forRootAsync(options);
  }
}

/** Checks the options already here, because the stack still leads to the code of the application that gives them. */
function checkRootOptions(options: LockModuleRootOptions): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    resolveModuleOptions(options);
    return;
  }
  const { name, isGlobal, ...rest } = options;
  checkExtras({ name, isGlobal });
  resolveModuleOptions(rest);
}
