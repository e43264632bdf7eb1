/** An application process with decorated methods. Other processes inspect its locks. */
import { type INestApplicationContext, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { LockModule } from '../../../lib/lock.module.js';
import { LockService } from '../../../lib/lock.service.js';
import { Locked } from '../../../lib/decorators/locked.decorator.js';
import type { LockInfo, LockOverview } from '../../../lib/index.js';
import { serve } from '../child-worker.js';
import { type Deferred, deferred } from '../deferred.js';

export type InspectionHandlers = typeof handlers;

let app: INestApplicationContext;
let service: LockService;
let ended: Deferred<void> = deferred();
const entered = new Map<string, { readonly at: number; readonly fence: number }>();

@Injectable()
class Orders {
  constructor(private readonly locks: LockService) {}

  @Locked('order:{0}', { ttl: '10s', wait: '60s' })
  async pay(id: string): Promise<void> {
    await this.#work(`order:${id}`);
  }

  @Locked('basket:{0}')
  async checkOut(id: string): Promise<void> {
    await this.pay(id);
  }

  /** Works until the test ends the work. */
  async #work(key: string): Promise<void> {
    entered.set(key, { at: Date.now(), fence: this.locks.current(key).fence });
    await ended.promise;
  }
}

export const handlers = serve({
  async open(url: string, owner: string): Promise<void> {
    @Module({ imports: [LockModule.forRoot({ redis: url, owner })], providers: [Orders] })
    class App {}
    app = await NestFactory.createApplicationContext(App, { logger: false });
    service = app.get(LockService);
  },
  /** Calls a method in the background. @returns the time of the call, by the clock of the machine. */
  begin(method: 'pay' | 'checkOut', id: string): number {
    const at = Date.now();
    app
      .get(Orders)
      [method](id)
      .catch(() => undefined);
    return at;
  },
  /** When the method has begun its work under the key, and with which fence. */
  entered(key: string): { at: number; fence: number } | undefined {
    return entered.get(key);
  },
  end(): void {
    ended.resolve();
    ended = deferred();
  },
  inspect(key: string): Promise<LockInfo | null> {
    return service.inspect(key);
  },
  overview(): Promise<LockOverview> {
    return service.overview();
  },
  async close(): Promise<void> {
    await app.close();
  },
});
