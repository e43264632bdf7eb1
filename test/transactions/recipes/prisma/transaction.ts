import { Injectable } from '@nestjs/common';
import { Locked } from 'nestjs-locked';
import { PrismaService } from './prisma.service.js';

@Injectable()
export class Warehouse {
  constructor(private readonly prisma: PrismaService) {}

  @Locked('stock:{0}')
  async take(sku: string, n: number): Promise<void> {
    await this.prisma.$transaction(async (tx) => {
      const { units } = await tx.stock.findUniqueOrThrow({ where: { sku } });
      await tx.stock.update({ where: { sku }, data: { units: units - n } });
    });
  }
}
