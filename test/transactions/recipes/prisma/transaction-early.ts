import { Injectable } from '@nestjs/common';
import { LockService, lockKey } from 'nestjs-locked';
import { PrismaService } from './prisma.service.js';

/** The wrong order: the lock is acquired and released inside the transaction. */
@Injectable()
export class EarlyWarehouse {
  constructor(
    private readonly prisma: PrismaService,
    private readonly locks: LockService,
  ) {}

  async take(sku: string, n: number): Promise<void> {
    await this.prisma.$transaction(async (tx) => {
      await this.locks.using(lockKey`stock:${sku}`, async () => {
        const { units } = await tx.stock.findUniqueOrThrow({ where: { sku } });
        await tx.stock.update({ where: { sku }, data: { units: units - n } });
      });
    });
  }
}
