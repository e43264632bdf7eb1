/** `@OnEvent` listeners: each event of the application runs its listener under a lock. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { Test, type TestingModule } from '@nestjs/testing';
import { Locked, LockModule, LockService, memoryStore } from 'nestjs-locked';
import { type Deferred, deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { Acquisitions } from './support/acquisitions.js';

@Injectable()
class Listener {
  readonly ran: string[] = [];
  step: Deferred = deferred();

  constructor(@Inject(LockService) private readonly locks: LockService) {}

  @OnEvent('order.paid')
  @Locked('order:{0.id}', { wait: 0 })
  async paid(event: { id: number }): Promise<string> {
    this.ran.push(`${event.id} under ${this.locks.current().keys.join()}`);
    await this.step.promise;
    return 'noted';
  }

  @Locked('stock:{0.sku}', { onBusy: 'skip' })
  @OnEvent('stock.*')
  async stock(event: { sku: string }): Promise<void> {
    this.ran.push(`${event.sku} under ${this.locks.current().keys.join()}`);
    await this.step.promise;
  }
}

let module: TestingModule;
let events: EventEmitter2;
let listener: Listener;
let acquired: Acquisitions;

beforeEach(async () => {
  module = await Test.createTestingModule({
    imports: [LockModule.forRoot({ store: memoryStore() }), EventEmitterModule.forRoot({ wildcard: true })],
    providers: [Listener],
  }).compile();
  Logger.overrideLogger(false);
  await module.init();
  [events, listener] = [module.get(EventEmitter2), module.get(Listener)];
  acquired = new Acquisitions();
});
afterEach(async () => {
  listener.step.resolve();
  acquired.end();
  await module.close();
  jest.restoreAllMocks();
});

describe('a listener of @OnEvent', () => {
  it('given an event, then the listener runs once under the lock, and the emitter gets its result', async () => {
    listener.step.resolve();
    expect(await events.emitAsync('order.paid', { id: 7 })).toEqual(['noted']);
    expect(listener.ran).toEqual(['7 under order:7']);
    expect(acquired.keys).toEqual(['order:7']);
  });

  it('given @Locked above @OnEvent, then the listener is found, and an event that comes while it runs is skipped', async () => {
    const first = events.emitAsync('stock.low', { sku: 'a' });
    await eventually(() => expect(listener.ran).toEqual(['a under stock:a']));
    await events.emitAsync('stock.low', { sku: 'a' });
    listener.step.resolve();
    await first;
    await events.emitAsync('stock.out', { sku: 'b' });
    expect(listener.ran).toEqual(['a under stock:a', 'b under stock:b']);
    expect(acquired.keys).toEqual(['stock:a', 'stock:b']);
  });

  it("given a busy key, then the error is logged as any listener's error is, and the process goes on", async () => {
    const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    const held = await module.get(LockService).acquire('order:9');
    expect(await events.emitAsync('order.paid', { id: 9 })).toEqual([undefined]);
    await held.release();
    expect(listener.ran).toEqual([]);
    expect(log).toHaveBeenCalledTimes(1);
    expect(log.mock.calls[0][0]).toMatch(/^The lock "order:9" is busy/);
  });
});
