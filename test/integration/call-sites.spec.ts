/** The place in the code that reports name: that of the application, whichever way it has called. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Injectable } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { Locked, LockModule, LockService, memoryStore } from '../../lib/index.js';
import type { LockHolder } from '../../lib/core/inspection/lock-info.js';
import type { LockEvent } from '../../lib/core/events/events.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { type HttpApp, startHttp } from '../support/http-app.js';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

const LONG = 'nestjs-locked:long-hold';

@Injectable()
class Stock {
  barrier = deferred();

  @Locked('stock')
  async take(): Promise<void> {
    await this.barrier.promise;
  }
}

@Controller()
class StockController {
  constructor(readonly stock: Stock) {}

  @Get('direct')
  @Locked('stock')
  async direct(): Promise<string> {
    await this.stock.barrier.promise;
    return 'done';
  }

  @Get('service')
  async service(): Promise<string> {
    await this.stock.take();
    return 'done';
  }
}

describe('the place where a lock was taken', () => {
  let http: HttpApp | undefined;
  const held: LockEvent[] = [];
  const note = (event: unknown): void => void held.push(event as LockEvent);

  afterEach(async () => {
    unsubscribe(LONG, note);
    held.length = 0;
    await http?.app.close();
    http = undefined;
  });

  /** Sends the request, and returns what is known of its hold while it is held. */
  async function during(path: string): Promise<{ holder: LockHolder; long: LockEvent }> {
    http = await startHttp(() => new ExpressAdapter(), {
      imports: [LockModule.forRoot({ store: memoryStore(), longHold: '1ms', log: () => undefined })],
      controllers: [StockController],
      providers: [Stock],
    });
    subscribe(LONG, note);
    const response = http.get(path);
    const locks = http.module.get(LockService);
    const holder = await eventually(async () => (await locks.inspect('stock'))!.holders[0]);
    const long = await eventually(() => {
      expect(held).toHaveLength(1);
      return held[0];
    });
    http.module.get(Stock).barrier.resolve();
    expect(await (await response).text()).toBe('done');
    return { holder, long };
  }

  it('given a service method that the application calls, then it is the place of that call', async () => {
    const { holder, long } = await during('/service');
    expect(holder).toMatchObject({ label: 'Stock.take' });
    expect(holder.site).toMatch(/StockController\.service \(.*call-sites\.spec\.ts:\d+:\d+\)/);
    expect(long).toMatchObject({ label: 'Stock.take' });
    expect(long.site?.split('\n')[0]).toMatch(/^ {4}at StockController\.service \(/);
    expect(long.site).not.toMatch(/new Promise|[\\/]lib[\\/]|@nestjs/);
  });

  it('given a handler that Nest calls, then its method is named, and no place', async () => {
    const { holder, long } = await during('/direct');
    expect(holder).toMatchObject({ label: 'StockController.direct', site: undefined });
    expect(long).toMatchObject({ label: 'StockController.direct', site: undefined });
  });
});
