// The application that http.mjs measures, a process for each handler. Its four handlers on Fastify differ only in how they take
// a lock around nothing. Decorators are applied by hand, so that no build is needed.
import 'reflect-metadata';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash, randomUUID } from 'node:crypto';
import { Controller, Inject, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { connect } from './adapters/clients.mjs';
import { COMPARE_AND_DELETE } from './adapters/raw.mjs';
import { LockModule, LockService, Locked } from '../dist/esm/index.js';

const { port, ownClient, storage } = JSON.parse(process.argv[2]);
const TTL = 30_000;

if (storage) new AsyncLocalStorage().run({}, () => undefined);

const byHand = await connect(port);
await byHand.script('LOAD', COMPARE_AND_DELETE);
const sha = createHash('sha1').update(COMPARE_AND_DELETE).digest('hex');
const given = ownClient ? undefined : await connect(port);

class OrdersController {
  constructor(locks) {
    this.locks = locks;
  }

  async bare(id) {
    return { id };
  }

  async trips(id) {
    const token = randomUUID();
    const key = `raw:order:${id}`;
    if ((await byHand.set(key, token, 'PX', TTL, 'NX')) !== 'OK') throw new Error('busy');
    try {
      return { id };
    } finally {
      await byHand.evalsha(sha, 1, key, token);
    }
  }

  async using(id) {
    return this.locks.using(`using:${id}`, async () => ({ id }));
  }

  async locked(id) {
    return { id };
  }
}

handler('bare', Post('bare/:id'));
handler('trips', Post('trips/:id'));
handler('using', Post('using/:id'));
handler('locked', Post('locked/:id'), Locked('order:{params.id}'));
Inject(LockService)(OrdersController, undefined, 0);
Controller()(OrdersController);

class AppModule {}
Module({
  imports: [LockModule.forRoot({ redis: given ?? `redis://127.0.0.1:${port}` })],
  controllers: [OrdersController],
})(AppModule);

const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: ['error', 'warn'] });
await app.listen(0, '127.0.0.1');
process.on('disconnect', () => process.exit());
process.on('message', (message) => {
  if (message === 'cpu') {
    const used = process.cpuUsage();
    process.send({ cpu: used.user + used.system });
  } else {
    void stop();
  }
});
process.send({ url: await app.getUrl() });

async function stop() {
  await app.close();
  await Promise.all([byHand.quit(), given?.quit()]);
  process.disconnect();
}

/** What a compiler makes of `@a @b name(@Param('id') id) {}`. */
function handler(name, ...decorators) {
  const { prototype } = OrdersController;
  Param('id')(prototype, name, 0);
  Reflect.defineMetadata('design:paramtypes', [String], prototype, name);
  Reflect.defineMetadata('design:returntype', Promise, prototype, name);
  const own = Object.getOwnPropertyDescriptor(prototype, name);
  Object.defineProperty(prototype, name, Reflect.decorate(decorators, prototype, name, own) ?? own);
}
