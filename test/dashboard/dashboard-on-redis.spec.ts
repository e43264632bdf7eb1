/** The dashboard on a real lock module, on a real Redis. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { LockModule, LockService } from 'nestjs-locked';
import type { HeldLock } from '../../lib/core/holds/lock.handle.js';
import { LockDashboardModule } from 'nestjs-locked/dashboard';
import { release } from '../support/dashboard.js';
import { eventually } from '../support/eventually.js';
import { type HttpApp, PLATFORMS, startHttp } from '../support/http-app.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';

interface State {
  readonly services: ReadonlyArray<{
    readonly error?: string;
    readonly overview?: {
      readonly locks: ReadonlyArray<{
        readonly key: string;
        readonly waiting: number;
        readonly holders: ReadonlyArray<{ readonly id: string; readonly answered: boolean }>;
      }>;
    };
  }>;
}

describe.each(PLATFORMS)('the dashboard on Redis, on %s', (_, adapter) => {
  let server: RedisServer;
  let http: HttpApp;

  afterEach(async () => {
    await http?.app.close();
    await server?.stop();
    Logger.overrideLogger(false);
  });

  async function start(inspection: 'auto' | 'always' | 'off' = 'always'): Promise<void> {
    server = await startRedis();
    http = await startHttp(adapter, {
      imports: [
        LockModule.forRoot({ redis: server.url, commandTimeout: 500, inspection }),
        LockDashboardModule.forRoot({ unprotected: true, release: true, refresh: 100 }),
      ],
    });
  }

  const state = async (): Promise<State> => (await (await http.get('/locks/state')).json()) as State;

  const listeners = async (): Promise<number> => {
    const [, count] = (await server.client().call('PUBSUB', 'NUMSUB', 'lock:~nl:i')) as [string, number];
    return count;
  };

  it('given the mode "auto", then a process with the page listens from the start, without a lock', async () => {
    await start('auto');
    await eventually(async () => expect(await listeners()).toBe(1));
  });

  it('given the mode "off", then a process with the page listens once the page is read', async () => {
    await start('off');
    await server.client().ping();
    expect(await listeners()).toBe(0);
    await state();
    await eventually(async () => expect(await listeners()).toBe(1));
  });

  it('given a held key and a waiter, when the holder is released by the page, then it is told, and the waiter goes on', async () => {
    await start();
    const locks = http.app.get(LockService, { strict: false });
    const held = await locks.acquire('order:42');
    const waiting = locks.acquire('order:42');
    const holder = await eventually(async () => {
      const [service] = (await state()).services;
      const shown = service.overview?.locks.find(({ key }) => key === 'order:42');
      expect(shown).toMatchObject({ waiting: 1, holders: [{ answered: true }] });
      return shown!.holders[0].id;
    });
    const page = { url: `${http.url}/locks`, origin: http.url };
    const reply = await release(page, {}, { key: 'order:42', holder });
    expect(await reply.json()).toEqual({ released: 1, told: 1 });
    await eventually(() => expect(held.signal.aborted).toBe(true));
    expect((held as HeldLock).lost).toMatchObject({ reason: 'revoked' });
    const next = await waiting;
    expect(next.fence).toBeGreaterThan(held.fence);
    await next.release();
    expect(await (await release(page, {}, { key: 'order:42', holder })).json()).toEqual({
      released: 0,
      told: 0,
    });
  });

  it('given a Redis that goes away and comes back, then the state says so, and recovers', async () => {
    await start();
    await eventually(async () => expect((await state()).services[0].error).toBeUndefined());
    server.pause();
    await eventually(async () => expect((await state()).services[0].error).toBe('LOCK_STORE'), {
      within: 10_000,
    });
    server.resume();
    await eventually(async () => expect((await state()).services[0].error).toBeUndefined(), {
      within: 10_000,
    });
  });
});
