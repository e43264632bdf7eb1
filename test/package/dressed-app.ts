/**
 * The dashboard and the health indicator of the package in applications of both platforms, with a global prefix, versions in
 * the URL, an interceptor that wraps every result, helmet and compression.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { printed, run, same } from './steps.js';

const PACKAGES = ['helmet', 'compression', '@fastify/helmet', '@fastify/compress'];

const PROGRAM = (load: string) => `
(async () => {
  const load = ${load};
  const { Controller, Get, Inject, Logger, Module, VersioningType } = await load('@nestjs/common');
  const { NestFactory } = await load('@nestjs/core');
  const { HealthCheckService, TerminusModule } = await load('@nestjs/terminus');
  const { LockModule, LockService, memoryStore } = await load('nestjs-locked');
  const { LockDashboardModule } = await load('nestjs-locked/dashboard');
  const { LockHealthIndicator } = await load('nestjs-locked/health');
  const plain = (loaded) => loaded.default ?? loaded;
  const { map } = await load('rxjs');

  class HealthController {
    constructor(health, locks) { this.health = health; this.locks = locks; }
    check() { return this.health.check([() => this.locks.isHealthy('locks')]); }
  }
  Get()(HealthController.prototype, 'check', Object.getOwnPropertyDescriptor(HealthController.prototype, 'check'));
  Inject(HealthCheckService)(HealthController, undefined, 0);
  Inject(LockHealthIndicator)(HealthController, undefined, 1);
  Controller('health')(HealthController);

  class AppModule {}
  Module({
    imports: [
      LockModule.forRoot({ store: memoryStore(), inspection: 'always' }),
      LockDashboardModule.forRoot({ password: 'secret', release: true, refresh: 100 }),
      TerminusModule,
    ],
    controllers: [HealthController],
    providers: [LockHealthIndicator],
  })(AppModule);

  async function visit(platform) {
    let app;
    if (platform === 'express') {
      app = await NestFactory.create(AppModule, { logger: false });
      app.use(plain(await load('helmet'))());
      app.use(plain(await load('compression'))());
    } else {
      const { FastifyAdapter } = await load('@nestjs/platform-fastify');
      app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: false });
      await app.register(plain(await load('@fastify/helmet')));
      await app.register(plain(await load('@fastify/compress')));
    }
    app.enableCors();
    app.setGlobalPrefix('api');
    app.enableVersioning({ type: VersioningType.URI });
    app.useGlobalInterceptors({ intercept: (_, next) => next.handle().pipe(map((data) => ({ data }))) });
    await app.listen(0, '127.0.0.1');
    const base = (await app.getUrl()) + '/api';
    const authorization = 'Basic ' + Buffer.from('jane:secret').toString('base64');
    const get = (path) => fetch(base + path, { headers: { authorization } });
    const lock = await app.get(LockService).acquire('order:1');
    const page = await get('/locks');
    const state = await (await get('/locks/state')).json();
    const live = await get('/locks/live');
    const reader = live.body.getReader();
    let text = '';
    while (text.split('event: state').length < 4) text += Buffer.from((await reader.read()).value).toString();
    const post = (headers) => fetch(base + '/locks/release', {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ key: 'order:1', holder: state.services[0].overview.locks[0].holders[0].id }),
    });
    const own = { origin: new URL(base).origin, 'x-nestjs-locked': '1' };
    const found = {
      refused: (await fetch(base + '/locks')).status,
      page: [page.status, (await page.text()).startsWith('<!doctype html>')],
      script: (await get('/locks/app.js')).status,
      policy: page.headers.get('content-security-policy').startsWith("default-src 'none'"),
      key: state.services[0].overview.locks[0].key,
      foreign: (await post({ ...own, origin: 'http://evil.example' })).status,
      headless: (await post({ origin: own.origin })).status,
      released: await (await post(own)).json(),
      held: lock.held,
      health: (await (await fetch(base + '/health')).json()).data.info.locks.status,
    };
    const since = performance.now();
    await app.close();
    found.closed = performance.now() - since < 3_000;
    await reader.cancel().catch(() => undefined);
    return found;
  }

  Logger.overrideLogger(false);
  console.log(JSON.stringify([await visit('express'), await visit('fastify')]));
})();`;

const EXPECTED = {
  refused: 401,
  page: [200, true],
  script: 200,
  policy: true,
  key: 'order:1',
  foreign: 403,
  headless: 403,
  released: { released: 1, told: 1 },
  held: false,
  health: 'up',
  closed: true,
};

/** @param app the folder of an application that has the package, Nest and Terminus. @param nest the major version of Nest. */
export async function dressedApp(app: string, nest: number): Promise<void> {
  const platforms = ['express', 'fastify'].map((name) => `@nestjs/platform-${name}@^${nest}.0.0`);
  await run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', ...platforms, ...PACKAGES], {
    cwd: app,
  });
  // Nest 12 is made of ES modules.
  const forms = [
    ['dressed.mjs', '(name) => import(name)'],
    ...(nest < 12 ? [['dressed.cjs', 'require']] : []),
  ];
  for (const [file, load] of forms) {
    await writeFile(join(app, file), PROGRAM(load));
    same(await printed(process.execPath, [join(app, file)], { cwd: app }), [EXPECTED, EXPECTED]);
  }
}
