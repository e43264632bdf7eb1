/** Keeps events in Redis, for all instances. */
import { Injectable, type OnApplicationShutdown, ServiceUnavailableException } from '@nestjs/common';
import { Redis } from 'ioredis';
import { type EventRecord, EventsRepository } from './events.repository.js';

/**
 * Compares the fence in the script that writes. If the comparison came earlier, another write could come in between.
 */
const REFUSE_OLD_FENCE = `
local fence = tonumber(ARGV[1])
if fence and fence < tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) then return 0 end
if fence then redis.call('HSET', KEYS[1], 'fence', ARGV[1]) end
`;

/** KEYS: the event, the set of all ids. ARGV: fence, capacity, id. */
const OPEN = `${REFUSE_OLD_FENCE}
redis.call('HSET', KEYS[1], 'capacity', ARGV[2], 'lastSeat', 0, 'sold', 0)
redis.call('SADD', KEYS[2], ARGV[3])
return 1`;

/** KEYS: the event. ARGV: fence or '', seat. */
const SELL = `${REFUSE_OLD_FENCE}
redis.call('HSET', KEYS[1], 'lastSeat', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'sold', 1)
return 1`;

const IDS = 'tickets:events';
const keyOf = (id: string) => `tickets:event:${id}`;

@Injectable()
export class RedisEventsRepository extends EventsRepository implements OnApplicationShutdown {
  readonly storage = 'redis';
  readonly #redis: Redis;

  constructor(url: string) {
    super();
    // If Redis is down, a buyer gets an error soon and does not wait until Redis is back.
    this.#redis = new Redis(url, { commandTimeout: 2_000, maxRetriesPerRequest: 1 });
    // Each command reports its own failure, and the lock module logs the end and the return of the connection.
    this.#redis.on('error', () => undefined);
  }

  async find(id: string): Promise<EventRecord | undefined> {
    const [capacity, lastSeat, sold] = await answered(
      this.#redis.hmget(keyOf(id), 'capacity', 'lastSeat', 'sold'),
    );
    if (capacity === null) return undefined;
    return { id, capacity: Number(capacity), lastSeat: Number(lastSeat), sold: Number(sold) };
  }

  async list(): Promise<EventRecord[]> {
    const ids = await answered(this.#redis.smembers(IDS));
    const events = await Promise.all(ids.sort().map((id) => this.find(id)));
    return events.filter((event) => event !== undefined);
  }

  async open(id: string, capacity: number, fence: number): Promise<boolean> {
    return (await answered(this.#redis.eval(OPEN, 2, keyOf(id), IDS, fence, capacity, id))) === 1;
  }

  async sell(id: string, seat: number, fence: number | undefined): Promise<boolean> {
    return (await answered(this.#redis.eval(SELL, 1, keyOf(id), fence ?? '', seat))) === 1;
  }

  async ping(): Promise<void> {
    await answered(this.#redis.ping());
  }

  onApplicationShutdown(): void {
    this.#redis.disconnect();
  }
}

/** Responds with 503 if Redis fails. The lock module does so too, if the lock finds the failure first. */
async function answered<T>(reply: Promise<T>): Promise<T> {
  try {
    return await reply;
  } catch (cause) {
    throw new ServiceUnavailableException('The ticket office is closed for now. Try again in a moment.', {
      cause,
    });
  }
}
