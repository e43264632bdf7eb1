/** The module that an application imports to have spans and metrics of its locks. */
import {
  type DynamicModule,
  Inject,
  Injectable,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
  Optional,
} from '@nestjs/common';
import { tracing } from '../core/events/tracer.js';
import { LockOptionsError, LockWiringError } from '../errors/index.js';
import { LockTelemetry } from './lock-telemetry.js';
import {
  type LockTelemetryOptions,
  type ResolvedTelemetryOptions,
  resolveTelemetryOptions,
  sameOptions,
} from './telemetry.options.js';

const OPTIONS = Symbol('nestjs-locked: the options of telemetry');

interface Running {
  readonly options: ResolvedTelemetryOptions;
  readonly telemetry: LockTelemetry;
  /** How many applications of this process use it. */
  users: number;
}

/** One for the process, because the events of locks and the SDK are of the process. */
let running: Running | undefined;

@Injectable()
class TelemetryLifecycle implements OnModuleInit, OnApplicationShutdown {
  readonly #options: ResolvedTelemetryOptions;
  #started: Running | undefined;

  constructor(@Inject(OPTIONS) options: ResolvedTelemetryOptions) {
    this.#options = options;
  }

  onModuleInit(): void {
    if (running === undefined) {
      if (tracing.tracer !== undefined) throw otherCopy();
      const telemetry = new LockTelemetry(this.#options);
      running = { options: this.#options, telemetry, users: 0 };
      tracing.tracer = telemetry;
    } else if (!sameOptions(running.options, this.#options)) throw differing();
    running.users += 1;
    this.#started = running;
  }

  onApplicationShutdown(): void {
    const started = this.#started;
    this.#started = undefined;
    if (started === undefined) return;
    started.users -= 1;
    if (started.users > 0) return;
    started.telemetry.stop();
    tracing.tracer = undefined;
    running = undefined;
  }
}

/**
 * Reports the locks of the process to OpenTelemetry. Import the module once, in the root module, beside the
 * LockModules. It covers all of them. The SDK of OpenTelemetry must be registered before the application starts.
 * Without an SDK the module does nothing that could be seen.
 *
 * ```ts
 * @Module({ imports: [LockModule.forRoot(), LockTelemetryModule.forRoot()] })
 * export class AppModule {}
 * ```
 */
@Module({})
export class LockTelemetryModule {
  /** @internal */
  constructor(@Optional() @Inject(OPTIONS) options?: ResolvedTelemetryOptions) {
    if (options === undefined) {
      throw new LockWiringError(
        'LockTelemetryModule is imported without forRoot(). Import LockTelemetryModule.forRoot() in its place.',
      );
    }
  }

  /** @throws LockOptionsError for an unknown option or an invalid value. */
  static forRoot(options: LockTelemetryOptions = {}): DynamicModule {
    return {
      module: LockTelemetryModule,
      providers: [{ provide: OPTIONS, useValue: resolveTelemetryOptions(options) }, TelemetryLifecycle],
    };
  }
}

function differing(): LockOptionsError {
  return new LockOptionsError(
    'options',
    undefined,
    'Two LockTelemetryModules of this process have different options. Telemetry is of the process: import one module, or ' +
      'give both the same options.',
  );
}

function otherCopy(): LockWiringError {
  return new LockWiringError(
    'Another copy of nestjs-locked in this process has started telemetry already. Import LockTelemetryModule from one copy ' +
      'alone: `npm ls nestjs-locked` shows the copies.',
  );
}
