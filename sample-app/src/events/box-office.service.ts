/** Sells seats: the read-modify-write that the lock is for. */
import { setTimeout as pause } from 'node:timers/promises';
import {
  ConflictException,
  Injectable,
  NotFoundException,
  ServiceUnavailableException,
} from '@nestjs/common';
import { Locked, LockService, lockKey } from 'nestjs-locked';
import { type EventRecord, EventsRepository } from './events.repository.js';

export interface Ticket {
  readonly seat: number;
  /** The fencing token of the sale's lock; null for a sale without one. */
  readonly fence: number | null;
}

/** What a sale does between reading and writing, such as requesting a bank, in ms. The wider, the surer the race. */
const PAPERWORK = 10;

@Injectable()
export class BoxOffice {
  constructor(
    private readonly events: EventsRepository,
    private readonly locks: LockService,
  ) {}

  /**
   * One sale of an event at a time, on every machine; other events are sold meanwhile. Within a sale of several it
   * joins the lock that those are sold under: alone it would wait for itself, which is an error at once.
   */
  @Locked((id: string) => lockKey`event:${id}`, { reentry: 'join' })
  async sell(id: string): Promise<Ticket> {
    return this.#sellNextSeat(id, this.locks.current().fence);
  }

  /** The same without the lock, to watch it go wrong. */
  async sellWithoutLock(id: string): Promise<Ticket> {
    return this.#sellNextSeat(id, undefined);
  }

  /** Makes an event, or resets it. The caller holds its lock: a sale under way would bring the old numbers back. */
  async open(id: string, capacity: number): Promise<EventRecord> {
    const { fence } = this.locks.current(lockKey`event:${id}`);
    if (!(await this.events.open(id, capacity, fence))) throw tooLate();
    return this.find(id);
  }

  async find(id: string): Promise<EventRecord> {
    const event = await this.events.find(id);
    if (event === undefined) throw new NotFoundException(`There is no event "${id}".`);
    return event;
  }

  /** @throws NotFoundException for a seat that is not sold. */
  async findTicket(id: string, seat: number): Promise<void> {
    const { lastSeat } = await this.find(id);
    if (seat < 1 || seat > lastSeat) throw new NotFoundException(`Seat ${seat} of "${id}" is not sold.`);
  }

  async #sellNextSeat(id: string, fence: number | undefined): Promise<Ticket> {
    const { capacity, lastSeat } = await this.find(id);
    if (lastSeat >= capacity) throw new ConflictException(`The event "${id}" is sold out.`);
    const seat = lastSeat + 1;
    await pause(PAPERWORK);
    if (!(await this.events.sell(id, seat, fence))) throw tooLate();
    return { seat, fence: fence ?? null };
  }
}

/** Its lease ended before the write, and somebody newer has written since. Nothing was changed. */
function tooLate(): ServiceUnavailableException {
  return new ServiceUnavailableException('This took too long, and nothing was changed. Try again.');
}
