/** The code that a user writes: a controller, a service and a module. Both applications have a copy of this file. */
import { Controller, Get, Inject, Injectable, Module, Param, ParseIntPipe, Post } from '@nestjs/common';
import { Redis } from 'ioredis';
import {
  InjectLockService,
  type Lock,
  LockModule,
  LockService,
  Locked,
  isLockError,
  lockKey,
} from 'nestjs-locked';

export const RELEASE = Symbol('release');

/** Holds the orders that are being paid until they are told to go on. */
export class Till {
  readonly #open = new Map<number, () => void>();

  hold(id: number): Promise<void> {
    return new Promise((resolve) => this.#open.set(id, resolve));
  }

  holds(id: number): boolean {
    return this.#open.has(id);
  }

  release(id: number): void {
    this.#open.get(id)?.();
    this.#open.delete(id);
  }
}

@Injectable()
export class Stock {
  left = 10;

  constructor(
    private readonly locks: LockService,
    @InjectLockService('own') private readonly own: LockService,
  ) {}

  @Locked((sku: string, _n: number) => lockKey`stock:${sku}`, { wait: '2s' })
  async take(sku: string, n: number): Promise<{ sku: string; left: number; fence: number; held: boolean }> {
    const { fence, held } = this.locks.current();
    const before = this.left;
    await new Promise((resolve) => setImmediate(resolve));
    this.left = before - n;
    return { sku, left: this.left, fence, held };
  }

  /** Calls each method of the service by hand. */
  async check(): Promise<{ busy: boolean; code: string; several: number; own: boolean }> {
    const lock = await this.locks.acquire('by-hand');
    const busy = (await this.locks.tryAcquire('by-hand')) === null;
    const code = await this.locks.acquire('by-hand', { wait: 0 }).then(
      () => 'none',
      (error: unknown) => (isLockError(error, 'LOCK_BUSY') ? error.code : String(error)),
    );
    lock.assertHeld();
    await lock.release();
    const several = await this.locks.using(['a', 'b'], { ttl: '5s' }, (both) => both.keys.length);
    const own = await this.own.using('a', (only) => only.held);
    return { busy, code, several, own };
  }

  /** Not called in jest 29 on Node 20, because its globals lack the symbol of `await using`. */
  async dispose(): Promise<{ held: boolean; after: boolean }> {
    let lock: Lock;
    {
      await using scoped = await this.locks.acquire('disposed');
      lock = scoped;
      scoped.assertHeld();
    }
    const next = await this.locks.tryAcquire('disposed');
    await next?.release();
    return { held: lock.held, after: next !== null };
  }
}

@Controller()
export class ShopController {
  constructor(
    private readonly stock: Stock,
    @Inject(RELEASE) private readonly till: Till,
  ) {}

  @Post('orders/:id/pay')
  @Locked('order:{params.id}', { wait: 0 })
  async pay(@Param('id', ParseIntPipe) id: number): Promise<{ paid: number }> {
    await this.till.hold(id);
    return { paid: id };
  }

  @Get('orders/:id')
  paying(@Param('id', ParseIntPipe) id: number): { paying: boolean } {
    return { paying: this.till.holds(id) };
  }

  @Post('orders/:id/release')
  release(@Param('id', ParseIntPipe) id: number): void {
    this.till.release(id);
  }

  @Post('stock/:sku/take')
  take(@Param('sku') sku: string) {
    return this.stock.take(sku, 1);
  }

  @Get('check')
  check() {
    return this.stock.check();
  }

  @Get('dispose')
  dispose() {
    return this.stock.dispose();
  }
}

const url = process.env.REDIS_URL ?? 'redis://localhost:6379';

/** Connects at its first command, because the unit tests have no Redis. */
const own = new Redis(url, { lazyConnect: true });

/** One module by a URL, and one on a client of the application. */
@Module({
  imports: [
    LockModule.forRoot({ redis: url, prefix: `${process.env.APP ?? 'app'}:` }),
    LockModule.forRootAsync({
      name: 'own',
      useFactory: () => ({ redis: own, prefix: 'own:' }),
    }),
  ],
  controllers: [ShopController],
  providers: [Stock, { provide: RELEASE, useClass: Till }],
})
export class ShopModule {}
