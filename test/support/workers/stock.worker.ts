/** A process that changes a row under a lock, in two halves. Between the halves a test may pause it. */
import { serve } from '../child-worker.js';
import { type Deferred, deferred } from '../deferred.js';
import { locksOn } from '../locks.js';
import { recipeModule } from '../recipe.js';
import { connectSql } from '../sql-client.js';

export type StockHandlers = typeof handlers;

/** How the process writes. `unfenced`: without a check of the fence. */
export type Way = 'unfenced' | 'setUnits' | 'claim' | 'move' | 'put' | 'fenced';

export interface Job {
  readonly redis: string;
  readonly sql: string;
  readonly way: Way;
  /** The number of units to remove. */
  readonly units: number;
  /** In ms. */
  readonly ttl: number;
  readonly renew?: boolean;
}

export interface Outcome {
  readonly fence: number;
  /** Whether `held` was true when the process began to write. */
  readonly held: boolean;
  /** The name of the error that ended the job, and the name of its cause. */
  readonly error: string | undefined;
  readonly cause: string | undefined;
}

const { setUnits, claim, write, move, put, fenced } = await recipeModule();
/** Set after the first half of a job. The second half begins when it settles. */
let halfway: Deferred | undefined;

export const handlers = serve({
  async work({ redis, sql, way, units, ttl, renew }: Job): Promise<Outcome> {
    const locks = locksOn({ url: redis }, { commandTimeout: 10_000 });
    const db = connectSql(sql);
    let [fence, held] = [0, false];
    const outcome = (error?: unknown): Outcome => {
      const { name, cause } = (error ?? {}) as { name?: string; cause?: { name?: string } };
      return { fence, held, error: name, cause: cause?.name };
    };
    try {
      await locks.service.using(['stock:a', 'stock:b'], { ttl, renew, wait: '20s' }, async (lock) => {
        fence = lock.fence;
        const read = async (): Promise<{ units: number }> =>
          (await db.query("SELECT units FROM stock WHERE sku = 'a'")).rows[0] as { units: number };
        const before = await (way === 'claim' ? claim(db, 'a', fence) : read());
        halfway = deferred();
        await halfway.promise;
        held = lock.held;
        const after = before.units - units;
        if (way === 'unfenced') await db.query("UPDATE stock SET units = $1 WHERE sku = 'a'", [after]);
        if (way === 'setUnits') await setUnits(db, 'a', after, fence);
        if (way === 'claim') await write(db, 'a', after, fence);
        if (way === 'move') await move(db, 'a', 'b', units, fence);
        if (way === 'put') await put(db, 'a', after, fence);
        if (way === 'fenced') {
          await fenced(db, 'stock:a', fence, async () => {
            await db.query("DELETE FROM stock WHERE sku = 'a'");
            await db.query("INSERT INTO stock (sku, units) VALUES ('a', $1)", [after]);
          });
        }
      });
      return outcome();
    } catch (error) {
      return outcome(error);
    } finally {
      halfway = undefined;
      await locks.close();
    }
  },
  isHalfway: () => halfway !== undefined,
  goOn: () => halfway?.resolve(),
});
