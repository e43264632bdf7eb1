/** Where events are kept. */

export interface EventRecord {
  readonly id: string;
  readonly capacity: number;
  /** The highest seat sold. A sale reads it, adds one and writes it back: two sales at a time sell one seat twice. */
  readonly lastSeat: number;
  /** How many tickets were sold. Counted by the store, one by one, so it tells the truth about what went wrong. */
  readonly sold: number;
}

/**
 * Writes carry the fencing token of the lock they were made under. A record keeps the highest it has seen and refuses
 * lower ones: a process that was paused past its lease wakes up believing in its lock, and must not undo what its
 * successor wrote.
 */
export abstract class EventsRepository {
  /** For the health check. */
  abstract readonly storage: 'redis' | 'memory';

  abstract find(id: string): Promise<EventRecord | undefined>;

  abstract list(): Promise<EventRecord[]>;

  /**
   * Makes an event, or resets it.
   * @returns false when the fence was refused.
   */
  abstract open(id: string, capacity: number, fence: number): Promise<boolean>;

  /**
   * Writes a sale.
   * @param fence undefined without a lock: then nothing is compared.
   * @returns false when the fence was refused.
   */
  abstract sell(id: string, seat: number, fence: number | undefined): Promise<boolean>;

  /** Rejects when the store does not answer. */
  abstract ping(): Promise<void>;
}
