/** An application over HTTP that is told to end by signals, and whose handlers and shutdown go on when the test says so. */
import {
  type BeforeApplicationShutdown,
  Controller,
  Get,
  Inject,
  Injectable,
  Logger,
  Module,
  Param,
} from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { LockModule } from '../../../lib/lock.module.js';
import { LockService } from '../../../lib/lock.service.js';
import { Locked } from '../../../lib/decorators/locked.decorator.js';
import { serve } from '../child-worker.js';
import { deferred } from '../deferred.js';

export type ShutdownHandlers = typeof handlers;

export interface ShutdownOptions {
  readonly url: string;
  readonly platform: string;
  readonly forceCloseConnections: boolean;
  /** Does it call `enableShutdownHooks()`? */
  readonly hooks: boolean;
  readonly ttl: string;
}

/** Waiting to be told: the handlers, and the shutdown behind its first step. */
const work = deferred();
const shutdown = deferred();
let entered = 0;
let shuttingDown = false;

/** Loaded for itself: starting is what takes the time. */
async function adapter(platform: string): Promise<AbstractHttpAdapter> {
  if (platform === 'Express') return new (await import('@nestjs/platform-express')).ExpressAdapter();
  return new (await import('@nestjs/platform-fastify')).FastifyAdapter();
}

export const handlers = serve({
  /** Starts it; tells its URL. */
  async start({ url, platform, forceCloseConnections, hooks, ttl }: ShutdownOptions): Promise<string> {
    @Controller()
    class Handlers {
      constructor(@Inject(LockService) private readonly locks: LockService) {}

      @Get('work/:id')
      @Locked('work:{params.id}', { ttl: ttl as '30s', wait: '60s' })
      async work(@Param('id') _id: string): Promise<string> {
        entered += 1;
        await work.promise;
        return this.locks.current().held ? 'done' : 'lost';
      }
      @Get('quick/:id')
      @Locked('quick:{params.id}')
      async quick(@Param('id') _id: string): Promise<string> {
        return 'done';
      }
    }
    /** Between the locks' refusing and the server's closing. */
    @Injectable()
    class Slow implements BeforeApplicationShutdown {
      beforeApplicationShutdown(): Promise<void> {
        shuttingDown = true;
        return shutdown.promise;
      }
    }
    @Module({
      imports: [LockModule.forRoot({ redis: url })],
      controllers: [Handlers],
      providers: [Slow],
    })
    class App {}

    Logger.overrideLogger(false);
    const app = await NestFactory.create(App, await adapter(platform), {
      logger: false,
      forceCloseConnections,
    });
    if (hooks) app.enableShutdownHooks();
    await app.listen(0, '127.0.0.1');
    return app.getUrl();
  },
  /** How many handlers have begun. */
  entered: () => entered,
  /** Are new acquisitions refused, while the server is open? */
  isShuttingDown: () => shuttingDown,
  /** The handlers, those to come included, go on to their end. */
  finish: () => work.resolve(),
  /** The shutdown goes on. */
  proceed: () => shutdown.resolve(),
});
