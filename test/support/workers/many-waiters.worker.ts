/** A process with very many callers of one key, or with very many keys: the cost of each, and the memory that stays. */
import v8 from 'node:v8';
import vm from 'node:vm';
import type { Redis } from 'ioredis';
import { memoryStore } from '../../../lib/stores/memory/memory.store.js';
import { LockEngine } from '../../../lib/core/engine/lock-engine.js';
import { resolvePolicy } from '../../../lib/core/options/resolve-options.js';
import { LockService } from '../../../lib/lock.service.js';
import { serve } from '../child-worker.js';
import { type Locks, locksOn } from '../locks.js';

export type KeyHandlers = typeof handlers;

/** The cost of the holds of a tenth of the callers. */
export interface Tenth {
  /** The processor time of this process for each hold, in µs. */
  readonly cpu: number;
  /** The number of Redis commands for each hold. */
  readonly commands: number;
}

const LONG = { ttl: '10m', wait: '10m' } as const;

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc') as () => void;

/** The processor time of this process, in µs. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** The used heap, in bytes. */
function heap(): number {
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}

async function scripts(client: Redis): Promise<number> {
  const stats = await client.info('commandstats');
  return [...stats.matchAll(/cmdstat_evalsha:calls=(\d+)/g)].reduce(
    (sum, [, calls]) => sum + Number(calls),
    0,
  );
}

/** Calls `pile` while another process holds the key, and then releases the key. */
async function piledUp<T>(url: string, pile: (locks: Locks) => Promise<T>): Promise<T> {
  // So many callers keep this process busy for longer than the usual time-out of a command.
  const options = { commandTimeout: 120_000 };
  const [holder, locks] = [locksOn({ url }, options), locksOn({ url }, options)];
  const held = await holder.service.acquire('k', LONG);
  const piled = pile(locks);
  await held.release();
  const result = await piled;
  await Promise.all([holder.close(), locks.close()]);
  return result;
}

export const handlers = serve({
  /** Makes `callers` callers wait for one key and be served. Resolves to the cost, by tenths of the callers. */
  serveAll(url: string, callers: number): Promise<Tenth[]> {
    return piledUp(url, async ({ service, client }) => {
      const marks: { cpu: number; commands: Promise<number> }[] = [];
      const mark = (): unknown => marks.push({ cpu: cpu(), commands: scripts(client) });
      let holds = 0;
      const calls = Array.from({ length: callers }, (_, i) =>
        service.using('k', LONG, () => {
          if (holds !== i) throw new Error(`Caller ${i} was served after ${holds} others.`);
          if (holds % (callers / 10) === 0) mark();
          holds += 1;
        }),
      );
      await Promise.all(calls);
      mark();
      const commands = await Promise.all(marks.map((each) => each.commands));
      return marks.slice(1).map((each, i) => ({
        cpu: ((each.cpu - (marks[i]?.cpu ?? 0)) * 10) / callers,
        commands: (((commands[i + 1] ?? 0) - (commands[i] ?? 0)) * 10) / callers,
      }));
    });
  },
  /** Aborts the middle half of `callers` callers by their signals. `cpu` is the processor time for each, in µs. */
  leave(url: string, callers: number): Promise<{ cpu: number; left: number; served: number }> {
    return piledUp(url, async ({ service }) => {
      const signals = Array.from({ length: callers }, () => new AbortController());
      const served: number[] = [];
      let left = 0;
      const calls = signals.map(({ signal }, i) =>
        service
          .using('k', { ...LONG, signal }, () => void served.push(i))
          .catch(({ code }: { code?: string }) => void (left += code === 'LOCK_ABORTED' ? 1 : 0)),
      );
      const middle = signals.slice(callers / 4, (callers * 3) / 4);
      const before = cpu();
      for (const each of middle) each.abort();
      await Promise.all(calls.slice(callers / 4, (callers * 3) / 4));
      const used = cpu() - before;
      await Promise.all(calls);
      if (served.some((each, i) => each <= (served[i - 1] ?? -1)))
        throw new Error('The rest lost its order.');
      return { cpu: used / middle.length, left, served: served.length };
    });
  },
  /** Uses `keys` keys once each, on a memory store. Resolves to the growth of the heap, in bytes. */
  async useOnceInMemory(keys: number): Promise<number> {
    const store = memoryStore();
    const engine = new LockEngine({
      store,
      owner: 'test',
      maxWaiters: Infinity,
      longHold: 60_000,
      emit: () => undefined,
    });
    const service = new LockService(engine, resolvePolicy());
    await useOnce(service, 'warm', 20_000);
    const before = heap();
    await useOnce(service, 'k', keys);
    const grown = heap() - before;
    await engine.close();
    await store.close();
    return grown;
  },
  /** As `useOnceInMemory`, on Redis. */
  async useOnce(url: string, keys: number): Promise<number> {
    const locks = locksOn({ url });
    await useOnce(locks.service, 'warm', 5_000);
    const before = heap();
    await useOnce(locks.service, 'k', keys);
    const grown = heap() - before;
    await locks.close();
    return grown;
  },
});

/** Uses a hundred keys at a time. Five of them have two callers, so that one caller waits. */
async function useOnce(service: LockService, prefix: string, keys: number): Promise<void> {
  for (let i = 0; i < keys; i += 100) {
    const names = Array.from({ length: 100 }, (_, n) => `${prefix}:${i + n}`);
    await Promise.all([...names, ...names.slice(0, 5)].map((name) => service.using(name, () => undefined)));
  }
}
