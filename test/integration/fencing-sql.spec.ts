/**
 * The recipe of docs/fencing.md, as it stands there, on a real SQL database. If a holder was paused past its lease, its
 * late write is refused. The holders are processes of their own, and are paused by SIGSTOP.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Child, startChild } from '../support/child-process.js';
import { deferred } from '../support/deferred.js';
import { eventually } from '../support/eventually.js';
import { recipeModule, recipeTables } from '../support/recipe.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { type SqlServer, startSql } from '../support/sql-server.js';
import type { Job, Outcome, StockHandlers, Way } from '../support/workers/stock.worker.js';

/** How long a paused holder keeps the key busy, in ms. */
const TTL = 300;

let redis: RedisServer;
let sql: SqlServer;
let slow: Child<StockHandlers>;
let next: Child<StockHandlers>;

beforeAll(async () => {
  const file = new URL('../support/workers/stock.worker.ts', import.meta.url);
  [redis, sql, slow, next] = await Promise.all([
    startRedis(),
    startSql(),
    startChild<StockHandlers>(file),
    startChild<StockHandlers>(file),
  ]);
  for (const table of recipeTables()) await sql.query(table);
}, 60_000);
afterAll(async () => {
  await Promise.all([slow.stop(), next.stop(), redis.stop(), sql.stop()]);
});
beforeEach(async () => {
  await sql.query('DELETE FROM fences');
  await sql.query('DELETE FROM stock');
  await sql.query("INSERT INTO stock (sku, units) VALUES ('a', 10), ('b', 0)");
});
afterEach(() => {
  sql.onArrival = undefined;
  slow.resume();
});

describe('a holder that is paused past its lease', () => {
  it('given no fence, then its late write replaces the write of the later holder', async () => {
    const { before, after } = await pausedAndOvertaken('unfenced');
    expect(after).toMatchObject({ error: undefined });
    expect(before).toMatchObject({ error: 'LockLostError', cause: undefined, held: false });
    expect(await units('a')).toBe(9);
  });

  it.each<[Way, string]>([
    ['setUnits', 'an UPDATE'],
    ['claim', 'an UPDATE of a row that was claimed'],
    ['move', 'a transaction over several rows'],
    ['put', 'an INSERT'],
    ['fenced', 'a transaction behind the table of fences'],
  ])(
    'given %s (%s), then its late write is refused',
    async (way) => {
      const { before, after } = await pausedAndOvertaken(way);
      expect(after).toMatchObject({ error: undefined, held: true });
      expect(before).toMatchObject({ error: 'LockLostError', cause: 'StaleFenceError', held: false });
      expect(after.fence).toBeGreaterThan(before.fence);
      expect(await units('a')).toBe(7);
      expect(await units('b')).toBe(way === 'move' ? 3 : 0);
    },
    60_000,
  );
});

describe('a write that is delayed on its way', () => {
  it('given a later holder that has written, then the delayed write is refused, though sent under a valid lease', async () => {
    const delayed = deferred();
    sql.onArrival = (statement) => (statement.startsWith('UPDATE') ? delayed.promise : undefined);
    const before = slow.call('work', job('setUnits', 1, { renew: false }));
    await halfway(slow);
    await slow.call('goOn');
    const after = next.call('work', job('setUnits', 3));
    await halfway(next);
    sql.onArrival = undefined;
    await next.call('goOn');
    expect(await after).toMatchObject({ error: undefined });
    delayed.resolve();
    expect(await before).toMatchObject({ held: true, cause: 'StaleFenceError' });
    expect(await units('a')).toBe(7);
  });
});

describe('a late write between the read and the write of a later holder', () => {
  // Both holders read 10. The paused holder writes while the later holder works.
  const between = async (way: Way): Promise<{ before: Outcome; after: Outcome }> => {
    const before = slow.call('work', job(way, 1));
    await halfway(slow);
    slow.pause();
    const after = next.call('work', job(way, 3));
    await halfway(next);
    slow.resume();
    await slow.call('goOn');
    const outcome = await before;
    await next.call('goOn');
    return { before: outcome, after: await after };
  };

  it('given the fence condition alone, then the late write is accepted, and then lost', async () => {
    const { before, after } = await between('setUnits');
    expect(before).toMatchObject({ error: 'LockLostError', cause: undefined });
    expect(after).toMatchObject({ error: undefined });
    expect(await units('a')).toBe(7);
  });

  it('given a row that was claimed with its read, then the late write is refused', async () => {
    const { before, after } = await between('claim');
    expect(before).toMatchObject({ error: 'LockLostError', cause: 'StaleFenceError' });
    expect(after).toMatchObject({ error: undefined });
    expect(await units('a')).toBe(7);
  });
});

describe('several writes of one holder', () => {
  it('given a claimed row, then the holder writes it repeatedly, and a claim under an older fence is refused', async () => {
    const { claim, write } = await recipeModule();
    expect(await claim(sql, 'a', 5)).toEqual({ units: 10 });
    await write(sql, 'a', 8, 5);
    await write(sql, 'a', 7, 5);
    await expect(claim(sql, 'a', 5)).rejects.toThrow('fence 5 is too old');
    await expect(claim(sql, 'a', 4)).rejects.toThrow('fence 4 is too old');
    expect(await claim(sql, 'a', 6)).toEqual({ units: 7 });
    await expect(write(sql, 'a', 1, 5)).rejects.toThrow('fence 5 is too old');
    expect(await units('a')).toBe(7);
  });
});

/** The first holder reads and is paused past its lease. The next holder writes. Then the first one wakes up and writes. */
async function pausedAndOvertaken(way: Way): Promise<{ before: Outcome; after: Outcome }> {
  const before = slow.call('work', job(way, 1));
  await halfway(slow);
  slow.pause();
  const after = next.call('work', job(way, 3));
  await halfway(next);
  await next.call('goOn');
  const outcome = await after;
  // The message waits in the pipe of the paused process, which writes as soon as it wakes up.
  const told = slow.call('goOn');
  slow.resume();
  await told;
  return { before: await before, after: outcome };
}

function job(way: Way, taken: number, options: Partial<Job> = {}): Job {
  return { redis: redis.url, sql: sql.url, way, units: taken, ttl: TTL, ...options };
}

async function halfway(child: Child<StockHandlers>): Promise<void> {
  await eventually(async () => expect(await child.call('isHalfway')).toBe(true), {
    within: 15_000,
    every: 10,
  });
}

async function units(sku: string): Promise<number> {
  const { rows } = await sql.query('SELECT units FROM stock WHERE sku = $1', [sku]);
  return (rows[0] as { units: number }).units;
}
