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
 * Distributed locks for an application: import it once, in the root module. It is global; with `name`, several stand
 * side by side. An application starts without its Redis: locks fail until it answers.
 *
 * At shutdown it takes no more locks, waits up to 10 s for those held, gives them back, and closes only a client that
 * it opened itself.
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
   * @param options all have defaults: without any, locks are on `redis://localhost:6379`.
   * @throws LockOptionsError for a misspelt option or a value that cannot be meant.
   */
  static override forRoot(options: LockModuleRootOptions = {}): DynamicModule {
    checkRootOptions(options);
    return super.forRoot(options);
  }

  /**
   * Options from a factory, once its dependencies are there. They are checked when it has returned them.
   * @throws LockOptionsError unless there is exactly one of `useFactory`, `useClass` and `useExisting`.
   */
  static override forRootAsync(options: LockModuleAsyncOptions): DynamicModule {
    checkAsyncOptions(options);
    return super.forRootAsync(options);
  }
}

/** Here already, where the stack still leads to the queue that is wrong. */
function checkRootOptions(options: LockModuleRootOptions): void {
  if (typeof options !== 'object' || options === null) {
    resolveModuleOptions(options);
    return;
  }
  const { name, isGlobal, ...rest } = options;
  checkExtras({ name, isGlobal });
  resolveModuleOptions(rest);
}
