/** GET /health: whether the storage of tickets and locks answers. */
import { Controller, Get } from '@nestjs/common';
import { EventsRepository } from '../events/events.repository.js';

@Controller('health')
export class HealthController {
  constructor(private readonly events: EventsRepository) {}

  /** Responds with 503 if the storage does not answer. */
  @Get()
  async health(): Promise<{ status: 'ok'; storage: string }> {
    await this.events.ping();
    return { status: 'ok', storage: this.events.storage };
  }
}
