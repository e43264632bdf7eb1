/** Applications and servers that end with the test that started them. A spec calls {@link endAll} after each test. */
import type { DynamicModule, ModuleMetadata, Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { LockModule, memoryStore } from '../../lib/index.js';
import { type RedisServer, startRedis } from './redis-server.js';

const endings: Array<() => unknown> = [];

/** Calls `end` after the test. What was started last ends first. */
export function endAfterTest(end: () => unknown): void {
  endings.push(end);
}

export async function endAll(): Promise<void> {
  for (const end of endings.splice(0).reverse()) await end();
}

/** Starts an application of these modules. */
export async function start(...imports: Array<DynamicModule | Type>): Promise<TestingModule> {
  return init(await Test.createTestingModule({ imports }).compile());
}

/** Starts an application with locks in memory. */
export async function startInMemory({ imports = [], ...metadata }: ModuleMetadata): Promise<TestingModule> {
  const locks = LockModule.forRoot({ store: memoryStore() });
  return init(await Test.createTestingModule({ imports: [locks, ...imports], ...metadata }).compile());
}

/** Starts a compiled application. It is closed after the test, unless the test closes it. */
export async function init(module: TestingModule): Promise<TestingModule> {
  let closed = false;
  const close = module.close.bind(module);
  module.close = (signal) => {
    closed = true;
    return close(signal);
  };
  endAfterTest(() => closed || module.close());
  return module.init();
}

/** Starts a server that stops after the test. */
export async function startServer(): Promise<RedisServer> {
  const server = await startRedis();
  endAfterTest(() => server.stop());
  return server;
}

/** The number of connections that the server has accepted so far, with that of this query. */
export async function connectionsOf(server: RedisServer): Promise<number> {
  const info = await server.client().info('stats');
  return Number(/total_connections_received:(\d+)/.exec(info)?.[1]);
}
