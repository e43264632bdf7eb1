/** `nestjs-locked/health`: the indicator reports "down" whenever no lock can be taken, in time and without an address. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Controller, Get, Logger } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { ExpressAdapter } from '@nestjs/platform-express';
import { LockModule, LockService, memoryStore } from 'nestjs-locked';
import { LockHealthIndicator, type LockHealthOptions } from 'nestjs-locked/health';
import { LockTelemetryModule } from 'nestjs-locked/telemetry';
import { eventually } from '../support/eventually.js';
import { type HttpApp, startHttp } from '../support/http-app.js';
import { endAfterTest, endAll, startServer } from '../support/module-apps.js';
import { startRedis } from '../support/redis-server.js';
import { startTelemetrySdk } from '../support/telemetry-sdk.js';

const log = jest.fn<(text: string) => void>();
beforeEach(() => {
  log.mockClear();
  for (const level of ['warn', 'log'] as const) {
    jest.spyOn(Logger.prototype, level).mockImplementation((text: unknown) => log(String(text)));
  }
});
afterEach(async () => {
  jest.restoreAllMocks();
  await endAll();
});

@Controller()
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly locks: LockHealthIndicator,
  ) {}

  @Get('ready')
  @HealthCheck()
  ready() {
    return this.health.check([() => this.locks.isHealthy('locks')]);
  }

  @Get('slow')
  @HealthCheck()
  slow() {
    return this.health.check([() => this.locks.isHealthy('locks', { timeout: '150ms' })]);
  }

  @Get('billing')
  @HealthCheck()
  billing() {
    return this.health.check([() => this.locks.isHealthy('locks', { service: 'billing' })]);
  }
}

async function startOn(url: string): Promise<HttpApp> {
  const app = await startHttp(() => new ExpressAdapter(), {
    imports: [
      LockModule.forRoot({ redis: url }),
      LockModule.forRoot({ name: 'billing', store: memoryStore() }),
      TerminusModule.forRoot({ logger: false }),
    ],
    controllers: [HealthController],
    providers: [LockHealthIndicator],
  });
  endAfterTest(() => app.app.close());
  return app;
}

interface Reply {
  status: number;
  locks: Record<string, unknown>;
  text: string;
}

async function ready(app: HttpApp, path = '/ready'): Promise<Reply> {
  const response = await app.get(path);
  const text = await response.text();
  const { details } = JSON.parse(text) as { details: { locks: Record<string, unknown> } };
  return { status: response.status, locks: details.locks, text };
}

describe('the health indicator', () => {
  it('given a store that takes locks, then it is up, and its key is free again', async () => {
    const server = await startServer();
    const app = await startOn(server.url);
    expect(await ready(app)).toMatchObject({
      status: 200,
      locks: { status: 'up', took: expect.any(Number) },
    });
    const keys = await server.client().keys('*health*');
    expect(keys).toEqual([]);
    expect(log).not.toHaveBeenCalledWith(expect.stringMatching(/take locks/));
  });

  it('given a server that is stopped, then it is down at its timeout, and up when the server goes on', async () => {
    const server = await startServer();
    const app = await startOn(server.url);
    await ready(app);
    server.pause();
    expect(await ready(app, '/slow')).toMatchObject({
      status: 503,
      locks: { status: 'down', code: 'LOCK_STORE' },
    });
    expect(log).toHaveBeenCalledWith(
      'The LockModule cannot take locks: The store has not answered the health check within 150 ms. Check the connection to Redis.',
    );
    server.resume();
    await eventually(async () => expect((await ready(app)).status).toBe(200), { within: 10_000, every: 50 });
    expect(log).toHaveBeenCalledWith('The LockModule can take locks again.');
  });

  it('given a refused connection, then it is down, and the body has neither address nor message', async () => {
    const server = await startServer();
    const app = await startOn(server.url);
    await server.kill();
    const reply = await eventually(async () => {
      const found = await ready(app);
      expect(found.status).toBe(503);
      return found;
    });
    expect(reply.locks).toEqual({ status: 'down', code: 'LOCK_STORE' });
    expect(reply.text).not.toMatch(/127\.0\.0\.1|ECONN|message/);
    await server.restart();
    await eventually(async () => expect((await ready(app)).status).toBe(200), { within: 10_000, every: 50 });
  });

  it('given maxmemory is reached, then it is down although Redis replies to PING', async () => {
    const server = await startRedis({ config: { 'maxmemory-policy': 'noeviction' } });
    endAfterTest(() => server.stop());
    const app = await startOn(server.url);
    const client = server.client();
    await client.config('SET', 'maxmemory', '1');
    expect(await client.ping()).toBe('PONG');
    expect((await ready(app)).locks).toEqual({ status: 'down', code: 'LOCK_STORE' });
    await client.config('SET', 'maxmemory', '0');
    expect((await ready(app)).status).toBe(200);
  });

  it('given an outage of many probes, then the log has it once', async () => {
    const server = await startServer();
    const app = await startOn(server.url);
    await server.client().config('SET', 'maxmemory', '1');
    for (let probe = 0; probe < 3; probe++) await ready(app);
    const messages = log.mock.calls.filter(([text]) => text.includes('cannot take locks'));
    expect(messages).toHaveLength(1);
    expect(messages[0][0]).toMatch(/OOM|memory/);
  });

  it('given several probes at a time, then one check serves all of them', async () => {
    const server = await startServer();
    const app = await startOn(server.url);
    const using = jest.spyOn(app.app.get(LockService), 'using');
    const indicator = app.app.get(LockHealthIndicator);
    const results = await Promise.all([1, 2, 3].map(() => indicator.isHealthy('locks')));
    expect(results.map(({ locks }) => locks.status)).toEqual(['up', 'up', 'up']);
    expect(using).toHaveBeenCalledTimes(1);
  });

  it('given a named module, then its store is checked', async () => {
    const server = await startServer();
    const app = await startOn(server.url);
    await server.client().config('SET', 'maxmemory', '1');
    expect((await ready(app)).status).toBe(503);
    expect((await ready(app, '/billing')).status).toBe(200);
  });

  it.each([
    [{ timeout: 'soon' }, /"timeout" is 'soon'/],
    [{ service: '' }, /"service" is ''/],
    [{ timeOut: 1 }, /Did you mean "timeout"/],
    [{ service: 'bills' }, /LockModule\.forRoot\(\{ name: 'bills' \}\)/],
  ])('given the options %j, then it rejects and says what to do', async (options, message) => {
    const app = await startOn('redis://127.0.0.1:1');
    const indicator = app.app.get(LockHealthIndicator);
    await expect(indicator.isHealthy('locks', options as LockHealthOptions)).rejects.toThrow(message);
  });
});

it('given telemetry, then a check of health makes no span, and is counted by its template', async () => {
  const sdk = startTelemetrySdk();
  try {
    const app = await startHttp(() => new ExpressAdapter(), {
      imports: [
        LockModule.forRoot({ store: memoryStore() }),
        LockTelemetryModule.forRoot(),
        TerminusModule.forRoot({ logger: false }),
      ],
      controllers: [HealthController],
      providers: [LockHealthIndicator],
    });
    expect((await ready(app)).status).toBe(200);
    await app.app.get(LockService).using('other', () => undefined);
    expect(sdk.tree()).toEqual(['lock acquire other', 'lock hold other']);
    const points = await sdk.points('nestjs_locked.acquire.duration');
    const templates = points.map(({ attributes }) => attributes['nestjs_locked.key.template']);
    expect(templates).toEqual(['nestjs-locked:health:*', 'other']);
    await app.app.close();
  } finally {
    await sdk.stop();
  }
});
