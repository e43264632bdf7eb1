/** GET /health: whether locks can be taken, and whether the storage of tickets replies. */
import { Controller, Get } from '@nestjs/common';
import { HealthCheck, HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import { LockHealthIndicator } from 'nestjs-locked/health';
import { EventsRepository } from '../events/events.repository.js';

@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly locks: LockHealthIndicator,
    private readonly events: EventsRepository,
  ) {}

  /** Responds with 503 if the locks or the tickets are out of reach. */
  @Get()
  @HealthCheck()
  check() {
    return this.health.check([() => this.locks.isHealthy('locks'), () => this.storage()]);
  }

  private async storage() {
    const indicator = this.indicators.check('tickets');
    try {
      await this.events.ping();
      return indicator.up({ storage: this.events.storage });
    } catch {
      return indicator.down();
    }
  }
}
