/** The LockModule of tests: everything as in an application, without Redis, and at the test's hand. */
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

/** What `LockModule.forRoot()` takes, but for what concerns Redis. */
export interface LockTestingOptions
  extends Omit<LockModuleRootOptions, 'redis' | 'store' | 'prefix' | 'commandTimeout'>, LockControlsOptions {
  /**
   * Made before, with a clock if need be, or shared by several modules, which then exclude each other.
   * @default ones of its own
   */
  controls?: LockControls;
}

/**
 * In tests in the place of `LockModule.forRoot()`. It provides {@link LockControls}, by its class:
 *
 * ```ts
 * const module = await Test.createTestingModule({ imports: [LockTestingModule.forRoot()], providers: [Stock] }).compile();
 * await module.get(LockControls).hold('stock:apples');
 * ```
 * Of a named module the controls are those that it was given.
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
        'clock goes with the controls: give it to them, by new LockControls({ clock }).',
      );
    }
    const controls = given ?? new LockControls({ clock });
    const definition = LockModule.forRoot({ ...options, store: controls.store });
    const unnamed = options.name === undefined;
    return withForeignServices(options.name, {
      ...definition,
      providers: [
        ...(definition.providers ?? []),
        // The later of one token is the one that counts.
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
