/** Logs, once a minute and on one machine only, how many tickets are sold. */
import { Injectable, Logger } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { Locked } from 'nestjs-locked';
import { EventsRepository } from './events.repository.js';

@Injectable()
export class SalesReport {
  readonly #logger = new Logger(SalesReport.name);

  constructor(private readonly events: EventsRepository) {}

  /**
   * Every instance's clock calls it; the others skip. `minHold`, because it is done in no time: an instance whose clock
   * is a little late would find the lock free again.
   *
   * @returns how many events it told of, or undefined where it was skipped.
   */
  @Cron(CronExpression.EVERY_MINUTE, { name: 'sales-report' })
  @Locked('sales-report', { onBusy: 'skip', minHold: '30s' })
  async report(): Promise<number | undefined> {
    const events = await this.events.list();
    for (const { id, sold, capacity } of events) this.#logger.log(`${id}: ${sold} of ${capacity} sold`);
    return events.length;
  }
}
