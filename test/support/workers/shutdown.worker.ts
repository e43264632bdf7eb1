/** An application over HTTP that signals end. The test says when its handlers and its shutdown go on. */
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
  /** Whether the application calls `enableShutdownHooks()`. */
  readonly hooks: boolean;
  readonly ttl: string;
}

/** The handlers, and the shutdown after its first step, wait for these. */
const work = deferred();
const shutdown = deferred();
let entered = 0;
let shuttingDown = false;

/** Only this platform is loaded, because loading takes most of the start. */
async function adapter(platform: string): Promise<AbstractHttpAdapter> {
  if (platform === 'Express') return new (await import('@nestjs/platform-express')).ExpressAdapter();
  return new (await import('@nestjs/platform-fastify')).FastifyAdapter();
}

export const handlers = serve({
  /** Starts the application. Resolves to its URL. */
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
    /** Runs after the locks refuse new calls, and before the server closes. */
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
  /** The number of handlers that have begun. */
  entered: () => entered,
  /** Whether new acquisitions are refused, while the server is open. */
  isShuttingDown: () => shuttingDown,
  /** Lets all handlers go on to their end, later handlers too. */
  finish: () => work.resolve(),
  /** Lets the shutdown go on. */
  proceed: () => shutdown.resolve(),
});
