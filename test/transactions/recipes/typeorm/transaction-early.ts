import { Injectable } from '@nestjs/common';
import { LockService, lockKey } from 'nestjs-locked';
import { DataSource } from 'typeorm';
import { Stock } from './stock.entity.js';

/** The wrong order: the lock is acquired and released inside the transaction. */
@Injectable()
export class EarlyWarehouse {
  constructor(
    private readonly database: DataSource,
    private readonly locks: LockService,
  ) {}

  async take(sku: string, n: number): Promise<void> {
    await this.database.transaction(async (manager) => {
      await this.locks.using(lockKey`stock:${sku}`, async () => {
        const { units } = await manager.findOneByOrFail(Stock, { sku });
        await manager.update(Stock, { sku }, { units: units - n });
      });
    });
  }
}
