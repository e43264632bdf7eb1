/** The HTTP side of the ticket office. */
import { Body, Controller, Get, Header, Param, ParseIntPipe, Post, Put, Query } from '@nestjs/common';
import { Locked } from 'nestjs-locked';
import { BoxOffice, type Ticket } from './box-office.service.js';
import { EventIdPipe } from './event-id.pipe.js';
import type { EventRecord } from './events.repository.js';
import { type LockSwitch, LockSwitchPipe } from './lock-switch.pipe.js';
import { type NewEvent, NewEventPipe } from './new-event.pipe.js';
import { ReceiptPrinter } from './receipt-printer.service.js';

export interface EventView {
  readonly id: string;
  readonly capacity: number;
  /** Tickets sold. */
  readonly sold: number;
  /** Tickets sold beyond the capacity. */
  readonly oversold: number;
}

@Controller('events/:id')
export class EventsController {
  constructor(
    private readonly boxOffice: BoxOffice,
    private readonly printer: ReceiptPrinter,
  ) {}

  @Get()
  async find(@Param('id', EventIdPipe) id: string): Promise<EventView> {
    return view(await this.boxOffice.find(id));
  }

  /** Runs under the lock of the sales: this template and the key function of a sale make the same key. */
  @Put()
  @Locked('event:{params.id}')
  async open(@Param('id', EventIdPipe) id: string, @Body(NewEventPipe) event: NewEvent): Promise<EventView> {
    return view(await this.boxOffice.open(id, event.capacity));
  }

  /**
   * Responds with 201 and a ticket, or with 409 if the event is sold out. The lock module responds with 423 after
   * `wait`.
   */
  @Post('tickets')
  async sell(
    @Param('id', EventIdPipe) id: string,
    @Query('lock', LockSwitchPipe) lock: LockSwitch,
  ): Promise<Ticket> {
    return lock === 'off' ? this.boxOffice.sellWithoutLock(id) : this.boxOffice.sell(id);
  }

  /** Waits for one of the printers. If all of them stay busy for too long, the lock module responds with 423. */
  @Get('tickets/:seat/receipt')
  @Header('content-type', 'text/plain; charset=utf-8')
  async receipt(
    @Param('id', EventIdPipe) id: string,
    @Param('seat', ParseIntPipe) seat: number,
  ): Promise<string> {
    await this.boxOffice.findTicket(id, seat);
    return this.printer.print(id, seat);
  }
}

function view({ id, capacity, sold }: EventRecord): EventView {
  return { id, capacity, sold, oversold: Math.max(0, sold - capacity) };
}
