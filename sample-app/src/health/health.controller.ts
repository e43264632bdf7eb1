/** GET /health: does the place answer where tickets and locks are? */
import { Controller, Get } from '@nestjs/common';
import { EventsRepository } from '../events/events.repository.js';

@Controller('health')
export class HealthController {
  constructor(private readonly events: EventsRepository) {}

  /** 503 when it does not. */
  @Get()
  async health(): Promise<{ status: 'ok'; storage: string }> {
    await this.events.ping();
    return { status: 'ok', storage: this.events.storage };
  }
}
