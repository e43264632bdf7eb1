import { Injectable } from '@nestjs/common';
import { Locked } from 'nestjs-locked';
import { DataSource } from 'typeorm';
import { Transactional } from 'typeorm-transactional';
import { Stock } from './stock.entity.js';

@Injectable()
export class Warehouse {
  constructor(private readonly database: DataSource) {}

  @Locked('stock:{0}')
  @Transactional()
  async take(sku: string, n: number): Promise<void> {
    const stock = this.database.getRepository(Stock);
    const { units } = await stock.findOneByOrFail({ sku });
    await stock.update({ sku }, { units: units - n });
  }
}
