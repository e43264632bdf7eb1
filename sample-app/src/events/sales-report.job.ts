/** Logs the number of sold tickets, once a minute and on one machine only. */
import { Injectable, Logger } from '@nestjs/common';
import { Cron, CronExpression } from '@nestjs/schedule';
import { Locked } from 'nestjs-locked';
import { EventsRepository } from './events.repository.js';

@Injectable()
export class SalesReport {
  readonly #logger = new Logger(SalesReport.name);

  constructor(private readonly events: EventsRepository) {}

  /**
   * The clock of every instance calls this method. One instance runs it, and the others skip it. The report takes
   * almost no time, so without `minHold` an instance with a late clock would find the lock free again.
   *
   * @returns the number of reported events, or undefined if the call was skipped.
   */
  @Cron(CronExpression.EVERY_MINUTE, { name: 'sales-report' })
  @Locked('sales-report', { onBusy: 'skip', minHold: '30s' })
  async report(): Promise<number | undefined> {
    const events = await this.events.list();
    for (const { id, sold, capacity } of events) this.#logger.log(`${id}: ${sold} of ${capacity} sold`);
    return events.length;
  }
}
