/** The application: locks, tickets and the health check. */
import { type DynamicModule, Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { type Duration, LockModule, memoryStore } from 'nestjs-locked';
import { EventsModule } from './events/events.module.js';
import { HealthController } from './health/health.controller.js';
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
        }),
        ScheduleModule.forRoot(),
        EventsModule.on(storage),
      ],
      controllers: [HealthController],
    };
  }
}
