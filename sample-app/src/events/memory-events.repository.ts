/**
 * Keeps events in the memory of this process, for a try without Redis. Each of several instances would sell all seats.
 */
import { Injectable } from '@nestjs/common';
import { type EventRecord, EventsRepository } from './events.repository.js';

@Injectable()
export class MemoryEventsRepository extends EventsRepository {
  readonly storage = 'memory';
  readonly #events = new Map<string, EventRecord & { readonly fence: number }>();

  async find(id: string): Promise<EventRecord | undefined> {
    return this.#events.get(id);
  }

  async list(): Promise<EventRecord[]> {
    return [...this.#events.values()];
  }

  async open(id: string, capacity: number, fence: number): Promise<boolean> {
    if (fence < (this.#events.get(id)?.fence ?? 0)) return false;
    this.#events.set(id, { id, capacity, lastSeat: 0, sold: 0, fence });
    return true;
  }

  async sell(id: string, seat: number, fence: number | undefined): Promise<boolean> {
    const event = this.#events.get(id);
    if (event === undefined || (fence ?? Infinity) < event.fence) return false;
    this.#events.set(id, { ...event, lastSeat: seat, sold: event.sold + 1, fence: fence ?? event.fence });
    return true;
  }

  async ping(): Promise<void> {}
}
