/** The shutdown of an application with LockModule. */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Inject, Injectable, Module } from '@nestjs/common';
import { LockModule, LockService, memoryStore } from 'nestjs-locked';
import type { LockStore } from 'nestjs-locked/store';
import { eventually } from '../support/eventually.js';
import { endAll, start, startServer } from '../support/module-apps.js';

afterEach(endAll);

function closable(): { store: LockStore; close: jest.Mock<() => Promise<void>> } {
  const close = jest.fn<() => Promise<void>>().mockResolvedValue(undefined);
  const inner = memoryStore();
  return { store: { open: (session, listener) => inner.open(session, listener), close }, close };
}

describe('the shutdown of LockModule', () => {
  it('given a held lock, then new requests are refused, and the connection closes after its release', async () => {
    const server = await startServer();
    const app = await start(LockModule.forRoot({ redis: server.url }));
    const locks = app.get(LockService);
    let finish!: () => void;
    const entered = new Promise<void>((resolve) => {
      void locks.using('a', () => {
        resolve();
        return new Promise<void>((end) => (finish = end));
      });
    });
    await entered;
    const waiting = locks.acquire('a').catch((error: unknown) => error);
    let closed = false;
    const closing = app.close().then(() => (closed = true));
    await expect(waiting).resolves.toMatchObject({ code: 'LOCK_SHUTDOWN' });
    await expect(locks.acquire('b')).rejects.toMatchObject({ code: 'LOCK_SHUTDOWN' });
    const client = server.client();
    expect(await client.exists('lock:a')).toBe(1);
    expect(closed).toBe(false);
    finish();
    await closing;
    expect(await client.exists('lock:a')).toBe(0);
  });

  it("given the application's own store, then it stays open", async () => {
    const { store, close } = closable();
    const app = await start(LockModule.forRoot({ store }));
    await app.close();
    expect(close).not.toHaveBeenCalled();
  });

  it('given handlers that still run, then they keep their locks during the hooks of providers', async () => {
    const order: string[] = [];
    @Injectable()
    class Worker {
      constructor(@Inject(LockService) private readonly locks: LockService) {}
      async beforeApplicationShutdown() {
        order.push(
          await this.locks.acquire('late').then(
            () => 'locked',
            (error: { code: string }) => error.code,
          ),
        );
      }
    }
    @Module({ providers: [Worker] })
    class WorkerModule {}
    const app = await start(LockModule.forRoot({ store: memoryStore() }), WorkerModule);
    const lock = await app.get(LockService).acquire('a');
    const closing = app.close();
    await eventually(() => expect(order).toEqual(['LOCK_SHUTDOWN']));
    expect(lock.held).toBe(true);
    await lock.release();
    await closing;
  });
});
