// The application of one row of ../scenarios/overhead.mjs. Its methods differ only in how they take a lock around nothing.
// Decorators are applied by hand, so that no build is needed.
import 'reflect-metadata';
import { AsyncLocalStorage } from 'node:async_hooks';
import { Controller, Inject, Module, Param, Post, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { ours } from '../support/ours.mjs';

const row = JSON.parse(process.argv[2]);
/** Calls between two readings of the clock. */
const BATCH = 200;

if (row.storage) new AsyncLocalStorage().run({}, () => undefined);

const library = row.module === undefined ? undefined : await import(row.entry ?? ours);
const store = () =>
  row.module === 'memory' ? { store: library.memoryStore() } : { redis: `redis://127.0.0.1:${row.port}` };

class Stock {
  async bare(sku) {
    return sku;
  }
  async fixed(sku) {
    return sku;
  }
  async template(sku) {
    return sku;
  }
  async typed(sku) {
    return sku;
  }
  async using(sku) {
    return this.locks.using(`stock:${sku}`, async () => sku);
  }
}

class Orders {
  async bare(id) {
    return { id };
  }
  async intercepted(id) {
    return { id };
  }
  async locked(id) {
    return { id };
  }
}

/** What Nest itself costs for an interceptor: this one does nothing. */
class Idle {
  intercept(_context, next) {
    return next.handle();
  }
}

// A class gets what its row needs, and nothing else.
if (row.calls === 'fixed') decorate(Stock, 'fixed', library.Locked('stock'));
if (row.calls === 'template') decorate(Stock, 'template', library.Locked('stock:{0}'));
if (row.calls === 'typed')
  decorate(
    Stock,
    'typed',
    library.Locked((sku) => library.lockKey`stock:${sku}`),
  );
if (row.calls === 'using') Inject(library.LockService)(Stock.prototype, 'locks');
handler('bare', Post('bare/:id'));
handler('intercepted', Post('intercepted/:id'), UseInterceptors(new Idle()));
if (row.handler === 'locked') handler('locked', Post('locked/:id'), library.Locked('order:{params.id}'));
Controller()(Orders);

class AppModule {}
Module({
  imports: library === undefined ? [] : [library.LockModule.forRoot(store())],
  providers: [Stock],
  controllers: [Orders],
})(AppModule);

const began = performance.now();
const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: ['error', 'warn'] });
await app.listen(0, '127.0.0.1');
const listening = performance.now();
const stock = app.get(Stock);

process.on('disconnect', () => process.exit());
process.on('message', (message) => {
  void answer(message).then(
    (reply) => process.send(reply),
    (error) => process.send({ error: String(error?.stack ?? error) }),
  );
});
// performance.now() counts from the start of the process.
process.send({ url: await app.getUrl(), start: listening, create: listening - began });

async function answer(message) {
  if (message.stop) {
    await app.close();
    setImmediate(() => process.disconnect());
    return {};
  }
  return message.calls === undefined ? { cpu: cpuTime() } : call(message.calls);
}

/** One after the other, for so many ms, and so many. @returns µs of a call, by the clock and by CPU time */
async function call({ lasting = 0, fewest = 0 }) {
  const name = row.calls;
  let calls = 0;
  const cpu = cpuTime();
  const started = performance.now();
  let now = started;
  while (now - started < lasting || calls < fewest) {
    for (let i = 0; i < BATCH; i += 1) await stock[name](`sku-${(calls += 1)}`);
    now = performance.now();
  }
  return { time: ((now - started) * 1000) / calls, cpu: (cpuTime() - cpu) / calls };
}

function cpuTime() {
  const used = process.cpuUsage();
  return used.user + used.system;
}

/** What a compiler makes of `@a @b name(@Param('id') id) {}`. */
function handler(name, ...decorators) {
  Param('id')(Orders.prototype, name, 0);
  decorate(Orders, name, ...decorators);
}

function decorate({ prototype }, name, ...decorators) {
  Reflect.defineMetadata('design:paramtypes', [String], prototype, name);
  Reflect.defineMetadata('design:returntype', Promise, prototype, name);
  const own = Object.getOwnPropertyDescriptor(prototype, name);
  Object.defineProperty(prototype, name, Reflect.decorate(decorators, prototype, name, own) ?? own);
}
