/** The module of events and their tickets. */
import { type DynamicModule, Module } from '@nestjs/common';
import type { TicketStorage } from '../storage/open-storage.js';
import { BoxOffice } from './box-office.service.js';
import { EventsController } from './events.controller.js';
import { EventsRepository } from './events.repository.js';
import { LiveSaleGateway } from './live-sale.gateway.js';
import { MemoryEventsRepository } from './memory-events.repository.js';
import { ReceiptPrinter } from './receipt-printer.service.js';
import { RedisEventsRepository } from './redis-events.repository.js';
import { SalesReport } from './sales-report.job.js';

@Module({})
export class EventsModule {
  static on(storage: TicketStorage): DynamicModule {
    const repository = {
      provide: EventsRepository,
      useFactory: () =>
        storage.kind === 'memory' ? new MemoryEventsRepository() : new RedisEventsRepository(storage.url),
    };
    return {
      module: EventsModule,
      controllers: [EventsController],
      providers: [repository, BoxOffice, ReceiptPrinter, LiveSaleGateway, SalesReport],
      exports: [EventsRepository],
    };
  }
}
