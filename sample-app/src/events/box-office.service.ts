/** Sells seats: a read, a change and a write, which need the lock. */
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
  /** The fencing token of the sale's lock, and null for a sale without a lock. */
  readonly fence: number | null;
}

/**
 * The time between the read and the write, in which a real sale would call a bank, in ms. With a longer time, a sale
 * without the lock goes wrong more often.
 */
const PAYMENT_TIME = 10;

@Injectable()
export class BoxOffice {
  constructor(
    private readonly events: EventsRepository,
    private readonly locks: LockService,
  ) {}

  /**
   * Sells one seat of an event. Over all machines there is one sale of an event at a time; other events are sold
   * meanwhile. A sale to a group holds the lock already, and calls this method for each seat. With `reentry: 'join'`,
   * the call joins that hold. Without this option, the call would wait for itself, so it would get an error at once.
   */
  @Locked((id: string) => lockKey`event:${id}`, { reentry: 'join' })
  async sell(id: string): Promise<Ticket> {
    return this.#sellNextSeat(id, this.locks.current().fence);
  }

  /** Sells a seat without the lock, to show what goes wrong. */
  async sellWithoutLock(id: string): Promise<Ticket> {
    return this.#sellNextSeat(id, undefined);
  }

  /**
   * Makes an event, or resets it. The caller must hold the lock of the event. Otherwise a running sale would write the
   * old numbers again.
   */
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

  /** @throws NotFoundException if the seat is not sold. */
  async findTicket(id: string, seat: number): Promise<void> {
    const { lastSeat } = await this.find(id);
    if (seat < 1 || seat > lastSeat) throw new NotFoundException(`Seat ${seat} of "${id}" is not sold.`);
  }

  async #sellNextSeat(id: string, fence: number | undefined): Promise<Ticket> {
    const { capacity, lastSeat } = await this.find(id);
    if (lastSeat >= capacity) throw new ConflictException(`The event "${id}" is sold out.`);
    const seat = lastSeat + 1;
    await pause(PAYMENT_TIME);
    if (!(await this.events.sell(id, seat, fence))) throw tooLate();
    return { seat, fence: fence ?? null };
  }
}

/**
 * The error of a write that comes too late: the lease has ended, and a later holder has written. Nothing was changed.
 */
function tooLate(): ServiceUnavailableException {
  return new ServiceUnavailableException('This took too long, and nothing was changed. Try again.');
}
