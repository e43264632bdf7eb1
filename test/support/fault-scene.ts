/**
 * A Redis server with a proxy in front of it, and three engines: one behind the proxy, and two directly on the server.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import type { Redis } from 'ioredis';
import { eventually } from './eventually.js';
import { type Locks, type LocksOptions, locksOn } from './locks.js';
import { type RedisServer, startRedis } from './redis-server.js';
import { type TcpProxy, startProxy } from './tcp-proxy.js';
import { connected } from './waits.js';

/** In ms, of the engines behind the proxy. */
export const COMMAND_TIMEOUT = 300;

export interface FaultScene {
  server: RedisServer;
  client: Redis;
  /** A new proxy for each test. */
  proxy: TcpProxy;
  /** Behind the proxy. */
  locks: Locks;
  /** Directly on the server, as `third`. */
  other: Locks;
  third: Locks;
  /**
   * More locks behind the proxy. They know the clock of the server, and the server knows their scripts. The next
   * command is therefore the command that a test is about.
   */
  proxied(options?: LocksOptions): Promise<Locks>;
  /** Resolves when `n` tokens wait for the key. */
  queued(n: number, key?: string): Promise<void>;
  /** Resolves when the key is held. */
  taken(key?: string): Promise<void>;
  /** Resolves when no key is held and no token waits, long before any ttl is over. */
  nothingLeft(within?: number): Promise<void>;
  /** Resolves when the key has been free for `ms`, so that nothing comes back. */
  staysFree(key?: string, ms?: number): Promise<void>;
}

/** Registers the hooks of the scene. Its members are set while a test runs. */
export function faultScene(): FaultScene {
  const scene = {
    async proxied(options = {}) {
      const made = locksOn(scene.proxy, { commandTimeout: COMMAND_TIMEOUT, ...options });
      await connected(made);
      const lock = await made.service.acquire('warm');
      await lock.extend();
      await lock.release();
      return made;
    },
    queued: (n, key = 'k') =>
      eventually(async () => expect(await scene.client.zcard(`lock:~nl:q:${key}`)).toBe(n)),
    taken: (key = 'k') => eventually(async () => expect(await scene.client.exists(`lock:${key}`)).toBe(1)),
    nothingLeft: (within = 1_500) =>
      eventually(async () => expect(await scene.client.keys('lock:*')).toEqual(['lock:~nl:f']), { within }),
    async staysFree(key = 'k', ms = 2 * COMMAND_TIMEOUT) {
      const end = performance.now() + ms;
      for (; performance.now() < end; await pause(5)) {
        expect(await scene.client.exists(`lock:${key}`, `lock:~nl:q:${key}`)).toBe(0);
      }
    },
  } as FaultScene;

  beforeAll(async () => {
    scene.server = await startRedis();
    scene.client = scene.server.client();
  }, 60_000);
  afterAll(() => scene.server.stop());
  beforeEach(async () => {
    await scene.client.flushall();
    scene.proxy = await startProxy(scene.server);
    scene.locks = await scene.proxied();
    scene.other = locksOn(scene.server);
    scene.third = locksOn(scene.server);
  });
  afterEach(async () => {
    scene.proxy.release();
    scene.proxy.accept();
    await Promise.all([scene.locks, scene.other, scene.third].map((each) => each.close()));
    await scene.proxy.stop();
  });
  return scene;
}

/** What a promise resolves to, or the error that it rejects with. */
export function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => value,
    (error: unknown) => error,
  );
}
