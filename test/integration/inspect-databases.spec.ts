/** Processes on one Redis that use different databases, with the same prefix: they do not see each other's locks. */
import { afterEach, expect, it } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { type Locks, locksOn } from '../support/locks.js';
import { startRedis } from '../support/redis-server.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

it('given processes on two databases, then each one has answers of its own database alone, and nobody is silent', async () => {
  const server = await startRedis();
  ends.push(() => server.stop());
  const process = (owner: string, db: number): Locks => {
    const locks = locksOn(server, { owner, inspection: 'always', redis: { db } });
    ends.push(() => locks.close());
    return locks;
  };
  const [a, b, c, d] = [process('a', 0), process('b', 0), process('c', 1), process('d', 1)];
  const holders = [await a.service.acquire('k'), await c.service.acquire('k')];
  for (const [{ service }, owners] of [
    [a, 'a b'],
    [b, 'a b'],
    [c, 'c d'],
    [d, 'c d'],
  ] as const) {
    await eventually(async () => {
      const { processes, silent, locks } = await service.overview();
      expect(processes.map(({ owner }) => owner).sort()).toEqual(owners.split(' '));
      expect(silent).toBe(0);
      expect(locks).toMatchObject([{ key: 'k', holders: [{ owner: owners[0] }] }]);
    });
  }
  const inspected = await d.service.inspect('k');
  expect(inspected).toMatchObject({ holders: [{ owner: 'c', answered: true }] });
  const { id } = inspected!.holders[0];
  expect(await d.service.forceRelease('k', { holder: id, by: 'jane' })).toEqual({ released: 1, told: 1 });
  await eventually(() => expect(holders[1].signal.aborted).toBe(true));
  expect(holders[0].signal.aborted).toBe(false);
  await holders[0].release();
});

it('given locks in database 0, then the channel has no number, and in another one it has', async () => {
  const server = await startRedis();
  ends.push(() => server.stop());
  for (const db of [0, 3]) {
    const locks = locksOn(server, { inspection: 'always', redis: { db } });
    ends.push(() => locks.close());
    await locks.service.overview();
  }
  const channels = (await server.client().call('PUBSUB', 'CHANNELS', 'lock:~nl:i*')) as string[];
  expect(channels.filter((name) => !name.slice('lock:~nl:i'.length).includes(':')).sort()).toEqual([
    'lock:~nl:i',
    'lock:~nl:i/3',
  ]);
});
