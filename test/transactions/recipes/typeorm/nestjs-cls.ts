import { Injectable } from '@nestjs/common';
import { Transactional, TransactionHost } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { Locked } from 'nestjs-locked';
import { Stock } from './stock.entity.js';

@Injectable()
export class Warehouse {
  constructor(private readonly host: TransactionHost<TransactionalAdapterTypeOrm>) {}

  @Locked('stock:{0}')
  @Transactional()
  async take(sku: string, n: number): Promise<void> {
    const stock = this.host.tx.getRepository(Stock);
    const { units } = await stock.findOneByOrFail({ sku });
    await stock.update({ sku }, { units: units - n });
  }
}
