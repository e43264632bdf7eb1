/** The README's example of locked methods. */
import { Injectable } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { Locked, lockKey } from 'nestjs-locked';

@Injectable()
export class Stock {
  readonly shelf = new Map([['apples', 5]]);

  // A key by a function of the arguments. The compiler checks its types against the method's.
  @Locked((sku: string) => lockKey`stock:${sku}`, { wait: '2s' })
  async take(sku: string, n: number) {
    const left = (this.shelf.get(sku) ?? 0) - n;
    this.shelf.set(sku, left);
    return left;
  }

  // By templates: {0} is the first argument, {0.id} a property of it. Several keys are taken all or none.
  @Locked(['account:{0}', 'account:{1}'])
  async transfer(from: string, to: string, amount: number) {
    return `${amount} from ${from} to ${to}`;
  }

  // One machine runs the job. The others skip it, even if their clocks are some seconds apart.
  @Cron('0 * * * *')
  @Locked('hourly-report', { onBusy: 'skip', minHold: '30s' })
  async report(): Promise<number | undefined> {
    return this.shelf.size;
  }
}
