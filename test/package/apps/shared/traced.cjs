// A CommonJS application without a build. It acquires a lock by a URL or by a client of its own.
require('reflect-metadata');
const { Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { LockModule, LockService } = require('nestjs-locked');

async function run() {
  const url = process.env.REDIS_URL;
  const client = process.argv[2] === 'client' ? new (require('ioredis').Redis)(url) : undefined;
  class App {}
  Module({ imports: [LockModule.forRoot({ redis: client ?? url })] })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: ['error'] });
  if (LockModule.name !== 'LockModule') throw new Error(`Nest shows LockModule as ${LockModule.name}.`);
  // The other format finds the same package.
  const { LockService: imported } = await import('nestjs-locked');
  if (imported !== LockService) throw new Error('There are two instances of the package.');
  await app.get(LockService).using('traced', () => undefined);
  await app.close();
  await client?.quit();
}

void run();
