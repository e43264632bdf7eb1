/**
 * The order in which callers of several real processes are served, from a log that Redis itself has put in order.
 *
 * A caller is passed by at most one batch of each other process: 64 holds, or the holds that begin within 50 ms.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { MOST_HOLDS } from '../../lib/core/queue/batch-limits.js';
import { type Child, startChild } from '../support/child-process.js';
import { locksOn } from '../support/locks.js';
import { type QueueView, queueOf } from '../support/queue.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import type { Entry, OrderHandlers } from '../support/workers/order.worker.js';

const NAMES = ['a', 'b', 'c', 'd'];

let server: RedisServer;
let client: Redis;
let queue: QueueView;
const processes = new Map<string, Child<OrderHandlers>>();

beforeAll(async () => {
  server = await startRedis();
  client = server.client();
  queue = queueOf(client);
  const file = new URL('../support/workers/order.worker.ts', import.meta.url);
  await Promise.all(
    NAMES.map(async (name) => {
      const child = await startChild<OrderHandlers>(file);
      processes.set(name, child);
      await child.call('open', server.url, name);
    }),
  );
  // After this wait, each process hears of hand-offs, and so it queues.
  await (await allRequest(NAMES, 1)).release();
}, 60_000);
afterAll(async () => {
  await Promise.all([...processes.values()].map((child) => child.kill()));
  await server.stop();
});
beforeEach(() => client.flushall());

function on(name: string): Child<OrderHandlers> {
  const child = processes.get(name);
  if (child === undefined) throw new Error(`There is no process "${name}".`);
  return child;
}

/** The processes queue one after the other, each with so many callers, for a key that another session holds. */
async function allRequest(
  order: readonly string[],
  callers: number,
): Promise<{ release(): Promise<boolean> }> {
  const locks = locksOn(server);
  const held = await locks.service.acquire('k');
  for (const [index, name] of order.entries()) {
    await on(name).call('request', callers);
    await queue.holds(index + 1);
  }
  return {
    async release() {
      const released = await held.release();
      await Promise.all(order.map((name) => on(name).call('served')));
      await locks.close();
      return released;
    },
  };
}

async function log(): Promise<Entry[]> {
  const entries = await client.xrange('log', '-', '+');
  return entries.map(([, fields]) => {
    const field = (name: string): string => fields[fields.indexOf(name) + 1] ?? '';
    const event = field('event') as Entry['event'];
    return { event, process: field('process'), call: Number(field('call')), token: field('token') };
  });
}

interface Batch {
  readonly process: string;
  readonly token: string;
  size: number;
}

/** The batches, in order: consecutive holds that ran under one lease. */
function batches(entries: readonly Entry[]): Batch[] {
  const found: Batch[] = [];
  for (const { event, process, token } of entries) {
    if (event !== 'entered') continue;
    const latest = found.at(-1);
    if (latest?.token === token) latest.size += 1;
    else found.push({ process, token, size: 1 });
  }
  return found;
}

/** True of every log: one lease at a time, of at most 64 holds, and the callers of each process in their order. */
function expectOrderWithin(entries: readonly Entry[]): void {
  const all = batches(entries);
  expect(new Set(all.map(({ token }) => token)).size).toBe(all.length);
  expect(Math.max(...all.map(({ size }) => size))).toBeLessThanOrEqual(MOST_HOLDS);
  for (const name of NAMES) {
    const calls = entries.filter(({ event, process }) => event === 'entered' && process === name);
    const numbers = calls.map(({ call }) => call);
    expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
  }
}

describe('the order between several processes', () => {
  it('given few callers each, then processes are served as they queued, and callers as they requested', async () => {
    for (const order of [
      ['c', 'a', 'd', 'b'],
      ['b', 'd', 'a', 'c'],
    ]) {
      await client.flushall();
      const requested = await allRequest(order, 5);
      expect(await requested.release()).toBe(true);
      const entries = await log();
      expect(entries).toHaveLength(20);
      expectOrderWithin(entries);
      expect(batches(entries).map(({ process }) => process)).toEqual(roundsOf(order, 5, batches(entries)));
    }
  });

  it('given more callers than a batch holds, then processes get one batch each, in the order of the queue', async () => {
    const order = ['b', 'd', 'c', 'a'];
    const requested = await allRequest(order, 150);
    expect(await requested.release()).toBe(true);
    const entries = await log();
    expect(entries).toHaveLength(600);
    expectOrderWithin(entries);
    const all = batches(entries);
    expect(all.length).toBeGreaterThanOrEqual(12);
    expect(all.map(({ process }) => process)).toEqual(roundsOf(order, 150, all));
  });

  it('given callers that never pause, then each is passed by at most one batch of each other process', async () => {
    await Promise.all(NAMES.map((name) => on(name).call('loop', 8, 40)));
    const entries = await log();
    expect(entries).toHaveLength(NAMES.length * 8 * 40 * 2);
    expectOrderWithin(entries);
    expect(passes(entries)).toEqual([]);
    // The processes did contend for the key.
    expect(batches(entries).length).toBeGreaterThan(NAMES.length * 40);
  });
});

/**
 * The expected order of batches: the first process of the queue is served, and goes to the end of the queue with its
 * remaining callers. On a slow machine more callers may remain.
 */
function roundsOf(order: readonly string[], callers: number, all: readonly Batch[]): string[] {
  const waiting = order.map((process) => ({ process, left: callers }));
  return all.map(({ size }) => {
    const head = waiting.shift();
    if (head === undefined) return 'nobody';
    head.left -= size;
    if (head.left > 0) waiting.push(head);
    return head.process;
  });
}

/** The calls that two batches of one other process passed, without a batch of their own process in between. */
function passes(entries: readonly Entry[]): string[] {
  const passed: string[] = [];
  /** For each waiting call, the latest lease of each other process since its request. */
  const waiting = new Map<string, { readonly process: string; readonly seen: Map<string, string> }>();
  for (const { event, process, call, token } of entries) {
    const id = `${process}${call}`;
    if (event === 'requested') {
      waiting.set(id, { process, seen: new Map() });
      continue;
    }
    waiting.delete(id);
    for (const [name, { process: own, seen }] of waiting) {
      if (own === process) seen.clear();
      else if (seen.has(process) && seen.get(process) !== token) passed.push(`${name} by ${id}`);
      else seen.set(process, token);
    }
  }
  return passed;
}
