/** The filter of docs/errors.md with the real Sentry. Prints the status of each request, and the reported errors. */
import 'reflect-metadata';
import { type ArgumentsHost, Controller, Get, Module, NotFoundException } from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost, NestFactory } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host';
import { flush, init } from '@sentry/nestjs';
import { LockModule, LockService, Locked, isLockError, memoryStore } from 'nestjs-locked';
import { ErrorTracker } from './error-tracker';

let reported: string[] = [];
init({
  dsn: 'http://key@127.0.0.1:1/1',
  beforeSend(event, { originalException }) {
    const { type } = event.exception?.values?.at(-1) ?? {};
    reported.push(isLockError(originalException) ? `${type} ${originalException.code}` : String(type));
    return null;
  },
});

@Controller()
class Requests {
  @Get('busy')
  @Locked('a', { wait: 0 })
  async busy(): Promise<void> {}

  @Get('down')
  @Locked('a', { service: 'down', wait: 0 })
  async down(): Promise<void> {}

  @Get('wrong')
  @Locked(() => undefined as never)
  async wrong(): Promise<void> {}

  @Get('missing')
  async missing(): Promise<void> {
    throw new NotFoundException();
  }

  @Get('broken')
  async broken(): Promise<void> {
    throw new TypeError('of the application');
  }
}

@Module({
  imports: [
    LockModule.forRoot({ store: memoryStore() }),
    LockModule.forRoot({ name: 'down', redis: 'redis://127.0.0.1:1', commandTimeout: 500 }),
  ],
  controllers: [Requests],
  providers: [{ provide: APP_FILTER, useClass: ErrorTracker }],
})
class TrackedModule {}

async function run(): Promise<void> {
  const app = await NestFactory.create(TrackedModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  const held = await app.get(LockService).acquire('a');
  const seen: Record<string, unknown> = {};
  for (const route of ['busy', 'down', 'wrong', 'missing', 'broken']) {
    reported = [];
    const response = await fetch(`${await app.getUrl()}/${route}`);
    await response.text();
    await flush();
    seen[route] = [response.status, ...reported];
  }
  const filter = new ErrorTracker(app.get(HttpAdapterHost).httpAdapter);
  const graphql = new ExecutionContextHost([]);
  graphql.setType<string>('graphql');
  for (const [name, error] of [
    [
      'graphql busy',
      await app
        .get(LockService)
        .acquire('a', { wait: 0 })
        .catch((caught: unknown) => caught),
    ],
    ['graphql down', await fails(app.get(Requests))],
  ] as const) {
    reported = [];
    const thrown = new Error('mapped', { cause: error });
    const rethrown = throws(() => filter.catch(thrown, graphql as ArgumentsHost)) === thrown;
    await flush();
    seen[name] = [rethrown, ...reported];
  }
  await held.release();
  await app.close();
  console.log(JSON.stringify(seen));
}

function fails(requests: Requests): Promise<unknown> {
  return requests.down().catch((caught: unknown) => caught);
}

function throws(work: () => void): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}

void run().then(() => process.exit());
