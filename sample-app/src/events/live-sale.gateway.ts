/** The WebSocket side of the ticket office, at /live: a group buys its seats in one go. */
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
   * All seats or none, and next to each other: the event's lock is held from the check at what is left to the last
   * seat. Each sale of one joins it, and has the same fence.
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
