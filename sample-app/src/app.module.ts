/** The application: locks, tickets, the health check, the dashboard of the locks and the page of the office. */
import { type DynamicModule, Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { TerminusModule } from '@nestjs/terminus';
import { type Duration, LockModule, memoryStore } from 'nestjs-locked';
import { LockDashboardModule } from 'nestjs-locked/dashboard';
import { LockHealthIndicator } from 'nestjs-locked/health';
import { EventsModule } from './events/events.module.js';
import { HealthController } from './health/health.controller.js';
import { OfficeController } from './office/office.controller.js';
import type { TicketStorage } from './storage/open-storage.js';

export interface AppOptions {
  /** How long a buyer waits for the lock of an event before the response is 423. @default '5s' */
  readonly wait?: Duration;
}

@Module({})
export class AppModule {
  static on(storage: TicketStorage, { wait = '5s' }: AppOptions = {}): DynamicModule {
    return {
      module: AppModule,
      imports: [
        LockModule.forRoot({
          ...(storage.kind === 'memory' ? { store: memoryStore() } : { redis: storage.url }),
          // A sale takes milliseconds. If a process crashes during a sale, the event stays locked for at most this ttl.
          defaults: { ttl: '5s', wait },
          // The page and the dashboard show each lock, also one that is held for milliseconds.
          inspection: 'always',
        }),
        // The sample is for one machine. An application that others can reach chooses guards or a password.
        LockDashboardModule.forRoot({ unprotected: true, release: true }),
        ScheduleModule.forRoot(),
        TerminusModule,
        EventsModule.on(storage),
      ],
      controllers: [HealthController, OfficeController],
      providers: [LockHealthIndicator],
    };
  }
}
