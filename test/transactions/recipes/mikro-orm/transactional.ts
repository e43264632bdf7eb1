import { EntityManager, Transactional } from '@mikro-orm/core';
import { Injectable } from '@nestjs/common';
import { Locked } from 'nestjs-locked';
import { Stock } from './stock.entity.js';

@Injectable()
export class Warehouse {
  constructor(private readonly em: EntityManager) {}

  @Locked('stock:{0}')
  async take(sku: string, n: number): Promise<void> {
    await this.em.transactional(
      async (em) => {
        const stock = await em.findOneOrFail(Stock, { sku });
        stock.units -= n;
      },
      { clear: true },
    );
  }

  @Locked('stock:{0}')
  @Transactional({ clear: true })
  async takeDecorated(sku: string, n: number): Promise<void> {
    const stock = await this.em.findOneOrFail(Stock, { sku });
    stock.units -= n;
  }
}
