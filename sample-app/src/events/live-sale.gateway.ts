/** The WebSocket side of the ticket office, at /live. A group buys all its seats with one message. */
import { ConflictException, UseFilters } from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { Locked } from 'nestjs-locked';
import { BoxOffice, type Ticket } from './box-office.service.js';
import { type Group, GroupPipe } from './group.pipe.js';
import { HttpErrorsFilter } from './http-errors.filter.js';

@WebSocketGateway({ path: '/live' })
@UseFilters(HttpErrorsFilter)
export class LiveSaleGateway {
  constructor(private readonly boxOffice: BoxOffice) {}

  /**
   * Sells all seats or none, and the seats are next to each other. The lock of the event is held from the check of the
   * free seats to the last sale. Each sale of one seat joins this hold, so all tickets have one fence.
   */
  @SubscribeMessage('group')
  @Locked('event:{data.id}')
  async sellGroup(@MessageBody(GroupPipe) { id, size }: Group): Promise<WsResponse<Ticket[]>> {
    const { capacity, lastSeat } = await this.boxOffice.find(id);
    if (capacity - lastSeat < size)
      throw new ConflictException(`The event "${id}" has no ${size} seats left.`);
    const tickets: Ticket[] = [];
    while (tickets.length < size) tickets.push(await this.boxOffice.sell(id));
    return { event: 'tickets', data: tickets };
  }
}
