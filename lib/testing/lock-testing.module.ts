/** The LockModule for tests. It works as in an application, but without Redis, and the test controls the locks. */
import { type DynamicModule, Module } from '@nestjs/common';
import { LockEngine } from '../core/engine/lock-engine.js';
import { LockOptionsError, LockWiringError } from '../errors/index.js';
import type { LockModuleRootOptions } from '../interfaces/lock-module-options.interface.js';
import { getLockServiceToken } from '../lock.constants.js';
import { withForeignServices } from '../module/foreign-services.js';
import { LockModule } from '../lock.module.js';
import type { ResolvedModuleOptions } from '../module/resolve-module-options.js';
import { serviceOf } from '../lock.providers.js';
import { LockModuleRegistry, RESOLVED_OPTIONS } from '../module/lock-module.registry.js';
import { LockControls, type LockControlsOptions } from './lock-controls.js';
import { RecordingLockService } from './recording-lock-service.js';

/** The options of `LockModule.forRoot()`, without the options that concern Redis. */
export interface LockTestingOptions
  extends Omit<LockModuleRootOptions, 'redis' | 'store' | 'prefix' | 'commandTimeout'>, LockControlsOptions {
  /**
   * Controls that the test has made, for example with a clock. Several modules with the same controls exclude each
   * other.
   * @default new controls for this module
   */
  controls?: LockControls;
}

/**
 * Use this module in tests in place of `LockModule.forRoot()`. It provides {@link LockControls} under the class as the
 * token:
 *
 * ```ts
 * const module = await Test.createTestingModule({ imports: [LockTestingModule.forRoot()], providers: [Stock] }).compile();
 * await module.get(LockControls).hold('stock:apples');
 * ```
 * A named module does not provide its controls. A test that needs them makes them and passes them as `controls`.
 */
@Module({})
export class LockTestingModule {
  /** @internal */
  constructor() {
    throw new LockWiringError(
      'LockTestingModule is imported without forRoot(). Import LockTestingModule.forRoot() in its place.',
    );
  }

  /** @throws LockOptionsError as `LockModule.forRoot()` does. */
  static forRoot({ controls: given, clock, ...options }: LockTestingOptions = {}): DynamicModule {
    if (given !== undefined && clock !== undefined) {
      throw new LockOptionsError(
        'clock',
        clock,
        'clock cannot be given together with controls: give it to the controls, by new LockControls({ clock }).',
      );
    }
    const controls = given ?? new LockControls({ clock });
    const definition = LockModule.forRoot({ ...options, store: controls.store });
    const unnamed = options.name === undefined;
    return withForeignServices(options.name, {
      ...definition,
      providers: [
        ...(definition.providers ?? []),
        // If two providers have one token, Nest uses the later one.
        {
          provide: getLockServiceToken(options.name),
          inject: [LockEngine, RESOLVED_OPTIONS, LockModuleRegistry],
          useFactory: (engine: LockEngine, { policy }: ResolvedModuleOptions, registry: LockModuleRegistry) =>
            serviceOf(() => new RecordingLockService(engine, policy, controls.record), registry),
        },
        ...(unnamed ? [{ provide: LockControls, useValue: controls }] : []),
      ],
      exports: [...(definition.exports ?? []), ...(unnamed ? [LockControls] : [])],
    });
  }
}
