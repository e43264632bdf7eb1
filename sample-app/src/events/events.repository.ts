/** The storage of events, in Redis or in memory. */

export interface EventRecord {
  readonly id: string;
  readonly capacity: number;
  /**
   * The highest sold seat. A sale reads it, adds one and writes it. Two sales at one time would sell one seat twice.
   */
  readonly lastSeat: number;
  /**
   * The number of sold tickets. The store itself counts each sale, so the number is right even if seats are sold twice.
   */
  readonly sold: number;
}

/**
 * Each write has the fencing token of its lock. A record keeps the highest fence that it has seen, and refuses a write
 * with a lower one. The reason is a process that was paused until after the end of its lease. The process still
 * believes that it has the lock, and must not overwrite the work of the next holder.
 */
export abstract class EventsRepository {
  /** For the health check. */
  abstract readonly storage: 'redis' | 'memory';

  abstract find(id: string): Promise<EventRecord | undefined>;

  abstract list(): Promise<EventRecord[]>;

  /**
   * Makes an event, or resets it.
   * @returns false if the fence was refused.
   */
  abstract open(id: string, capacity: number, fence: number): Promise<boolean>;

  /**
   * Writes a sale.
   * @param fence undefined for a sale without a lock. Then no fence is compared.
   * @returns false if the fence was refused.
   */
  abstract sell(id: string, seat: number, fence: number | undefined): Promise<boolean>;

  /** Rejects if the storage does not answer. */
  abstract ping(): Promise<void>;
}
