import { EntityManager, Transactional } from '@mikro-orm/core';
import { Injectable } from '@nestjs/common';
import { Locked, LockService, lockKey } from 'nestjs-locked';
import { Stock } from './stock.entity.js';

/** The wrong order: the lock is acquired and released inside the transaction. At last, the right order without `clear`. */
@Injectable()
export class EarlyWarehouse {
  constructor(
    private readonly em: EntityManager,
    private readonly locks: LockService,
  ) {}

  async take(sku: string, n: number): Promise<void> {
    await this.em.transactional(
      async (em) => {
        await this.locks.using(lockKey`stock:${sku}`, async () => {
          const stock = await em.findOneOrFail(Stock, { sku });
          stock.units -= n;
        });
      },
      { clear: true },
    );
  }

  @Transactional({ clear: true })
  @Locked('stock:{0}')
  async takeDecorated(sku: string, n: number): Promise<void> {
    const stock = await this.em.findOneOrFail(Stock, { sku });
    stock.units -= n;
  }

  @Locked('stock:{0}')
  async takeCached(sku: string, n: number): Promise<void> {
    await this.em.transactional(async (em) => {
      const stock = await em.findOneOrFail(Stock, { sku });
      stock.units -= n;
    });
  }
}
