import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  Param,
  Post,
  UseInterceptors,
} from '@nestjs/common';
import { Locked } from 'nestjs-locked';
import { defer, lastValueFrom, type Observable } from 'rxjs';
import { DataSource } from 'typeorm';
import { runInTransaction } from 'typeorm-transactional';
import { Stock } from './stock.entity.js';

@Injectable()
export class TransactionInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return defer(() => runInTransaction(() => lastValueFrom(next.handle(), { defaultValue: undefined })));
  }
}

@Controller('stock')
export class StockController {
  constructor(private readonly database: DataSource) {}

  @Post(':sku/take')
  @UseInterceptors(TransactionInterceptor)
  @Locked('stock:{params.sku}', { holdUntil: 'response', maxHold: '30s' })
  async take(@Param('sku') sku: string): Promise<void> {
    const stock = this.database.getRepository(Stock);
    const { units } = await stock.findOneByOrFail({ sku });
    await stock.update({ sku }, { units: units - 1 });
  }
}
