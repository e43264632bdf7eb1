// An application of ES modules without a build. It acquires a lock by a URL or by a client of its own.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { LockModule, LockService } from 'nestjs-locked';

const url = process.env.REDIS_URL;
const client = process.argv[2] === 'client' ? new Redis(url) : undefined;
class App {}
Module({ imports: [LockModule.forRoot({ redis: client ?? url })] })(App);
const app = await NestFactory.createApplicationContext(App, { logger: ['error'] });
// The other format finds the same package.
if (createRequire(import.meta.url)('nestjs-locked').LockService !== LockService) {
  throw new Error('There are two instances of the package.');
}
await app.get(LockService).using('traced', () => undefined);
await app.close();
await client?.quit();
