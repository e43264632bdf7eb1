import { Injectable } from '@nestjs/common';
import { Locked } from 'nestjs-locked';
import { DataSource } from 'typeorm';
import { Stock } from './stock.entity.js';

@Injectable()
export class Warehouse {
  constructor(private readonly database: DataSource) {}

  @Locked('stock:{0}')
  async take(sku: string, n: number): Promise<void> {
    await this.database.transaction(async (manager) => {
      const { units } = await manager.findOneByOrFail(Stock, { sku });
      await manager.update(Stock, { sku }, { units: units - n });
    });
  }
}
