import { Controller, Param, Post, UseInterceptors } from '@nestjs/common';
import { Locked } from 'nestjs-locked';
import { DataSource } from 'typeorm';
import { TransactionInterceptor } from './interceptor.js';
import { Stock } from './stock.entity.js';

/** Without `holdUntil: 'response'` the lock is released before COMMIT, in either order of the two decorators. */
@Controller('early')
export class EarlyController {
  constructor(private readonly database: DataSource) {}

  @Post(':sku/above')
  @UseInterceptors(TransactionInterceptor)
  @Locked('stock:{params.sku}')
  async above(@Param('sku') sku: string): Promise<void> {
    await this.take(sku);
  }

  @Post(':sku/below')
  @Locked('stock:{params.sku}')
  @UseInterceptors(TransactionInterceptor)
  async below(@Param('sku') sku: string): Promise<void> {
    await this.take(sku);
  }

  private async take(sku: string): Promise<void> {
    const stock = this.database.getRepository(Stock);
    const { units } = await stock.findOneByOrFail({ sku });
    await stock.update({ sku }, { units: units - 1 });
  }
}
