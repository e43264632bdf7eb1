/** The contract of semaphores: as many holders as the limit of who requests says, and none passes the queue. */
import { strict as assert } from 'node:assert';
import { OFFER_MS } from '../../core/contracts/store.contract.js';
import {
  SHORT,
  type Suite,
  TTL,
  request,
  attempt,
  busyOf,
  release,
  grantedOf,
  lastOf,
  enqueue,
  check,
  queuedOf,
  renew,
  semaphore,
  take,
} from './world.js';

export function semaphoreContract({ describe, test }: Suite): void {
  describe('a semaphore', () => {
    test('lets in as many as its limit, whoever they are of', async (world) => {
      const [a, b] = world.guests(2);
      const tokens = [await take(a, semaphore(3)), await take(b, semaphore(3)), await take(a, semaphore(3))];
      assert.equal(await attempt(b, semaphore(3)), 'busy');
      assert.equal((await release(a, 'k', tokens[0])).released, true);
      assert.equal((await release(a, 'k', tokens[0])).released, false);
      await take(b, semaphore(3));
      assert.equal(await attempt(b, semaphore(3)), 'busy');
    });

    test('of one lets one in', async (world) => {
      const [a, b] = world.guests(2);
      const token = await take(a, semaphore(1));
      assert.equal(await attempt(b, semaphore(1)), 'busy');
      await release(a, 'k', token);
      await take(b, semaphore(1));
    });

    test('lets no more in of many that request at once', async (world) => {
      const guests = world.guests(2);
      const states = await Promise.all(
        Array.from({ length: 40 }, (_, i) => attempt(guests[i % 2], semaphore(3))),
      );
      assert.equal(states.filter((state) => state === 'granted').length, 3);
      assert.equal(states.filter((state) => state === 'busy').length, 37);
    });

    test('names the permit that ends first', async (world) => {
      const [a, b] = world.guests(2);
      await take(a, semaphore(2));
      const first = await take(b, semaphore(2), { ttl: TTL / 2 });
      const busy = busyOf(await request(a, 'k', { token: a.token(semaphore(2)) }));
      assert.equal(busy.holder, first);
      assert.ok(busy.remaining > TTL / 4 && busy.remaining <= TTL / 2, String(busy.remaining));
    });

    test('lets permits end one by one, and be renewed one by one', async (world) => {
      const [a, b, c] = world.guests(3);
      const ended = await take(a, semaphore(3), { ttl: SHORT });
      const renewed = await take(b, semaphore(3), { ttl: SHORT });
      const long = await take(c, semaphore(3));
      assert.equal((await renew(b, 'k', renewed, { ttl: TTL / 2 })).held, true);
      assert.equal(await attempt(a, semaphore(3)), 'busy');
      await world.elapse(SHORT + 20);
      assert.deepEqual(await renew(a, 'k', ended), { held: false, fence: 0 });
      assert.equal((await release(a, 'k', ended)).released, false);
      await take(a, semaphore(3));
      assert.equal(await attempt(a, semaphore(3)), 'busy');
      assert.equal((await renew(b, 'k', renewed)).held, true);
      assert.equal((await release(c, 'k', long)).released, true);
    });

    test('honours a limit that has changed', async (world) => {
      const [a, b] = world.guests(2);
      const tokens = [await take(a, semaphore(2)), await take(a, semaphore(2))];
      assert.equal(await attempt(b, semaphore(2)), 'busy');
      tokens.push(await take(b, semaphore(3)));
      assert.equal(await attempt(b, semaphore(3)), 'busy');
      assert.equal(await attempt(b, semaphore(1)), 'busy');
      await release(a, 'k', tokens[0]);
      assert.equal(await attempt(b, semaphore(2)), 'busy');
      await release(a, 'k', tokens[1]);
      assert.equal(await attempt(b, semaphore(1)), 'busy');
      tokens.push(await take(b, semaphore(2)));
      await release(b, 'k', tokens[2]);
      await release(b, 'k', tokens[3]);
      await take(a, semaphore(1));
    });

    test('counts a repeated request once, and fences each grant', async (world) => {
      const [a, b] = world.guests(2);
      const token = a.token(semaphore(2));
      const first = grantedOf(await request(a, 'k', { token, fences: 3 }));
      const again = grantedOf(await request(a, 'k', { token }));
      const other = grantedOf(await request(b, 'k', { token: b.token(semaphore(2)) }));
      assert.ok(again.fence > lastOf(first) && other.fence > lastOf(again));
      assert.equal(await attempt(b, semaphore(2)), 'busy');
      assert.equal((await release(a, 'k', token)).released, true);
      await take(b, semaphore(2));
    });

    test('keeps a permit for its minimum hold', async (world) => {
      const [a, b] = world.guests(2);
      await take(b, semaphore(2));
      const kept = await take(a, semaphore(2));
      assert.equal(
        (await a.session.exchange({ key: 'k', release: { token: kept, releaseAfter: SHORT } })).released,
        true,
      );
      assert.equal(busyOf(await request(b, 'k', { token: b.token(semaphore(2)) })).holder, kept);
      await world.elapse(SHORT + 20);
      await take(b, semaphore(2));
      assert.equal(await attempt(b, semaphore(2)), 'busy');
    });
  });

  describe('the queue of a semaphore', () => {
    test('hands each permit to the first that waits', async (world) => {
      const [a, b, c, d] = world.guests(4);
      if (!(await world.queues(a, b, c))) return;
      const [one, two] = [await take(a, semaphore(2)), await take(a, semaphore(2))];
      const tokens = [
        await enqueue(b, semaphore(2)),
        await enqueue(c, semaphore(2)),
        await enqueue(b, semaphore(2)),
      ];
      assert.equal(await attempt(d, semaphore(2)), 'busy');
      await release(a, 'k', two);
      const first = await world.offer(b, tokens[0]);
      assert.equal(await check(c, tokens[1]), 'queued');
      assert.equal(await attempt(d, semaphore(2)), 'busy');
      await release(a, 'k', one);
      const second = await world.offer(c, tokens[1]);
      assert.ok(second.fence > first.fence);
      assert.equal((await renew(b, 'k', tokens[0])).held, true);
      assert.equal((await renew(c, 'k', tokens[1])).held, true);
      assert.equal(await check(b, tokens[2]), 'queued');
      await release(c, 'k', tokens[1]);
      await world.offer(b, tokens[2]);
    });

    test('serves as many in one step as there is room for', async (world) => {
      const [a, b, c, d] = world.guests(4);
      if (!(await world.queues(b, c, d))) return;
      const one = await take(a, semaphore(2));
      await take(a, semaphore(2));
      const tokens = [
        await enqueue(b, semaphore(2)),
        await enqueue(c, semaphore(4)),
        await enqueue(d, semaphore(4)),
      ];
      const last = await enqueue(b, semaphore(4));
      await release(a, 'k', one);
      const offers = [await world.offer(b), await world.offer(c), await world.offer(d)];
      assert.deepEqual(
        offers.map(({ token }) => token),
        tokens,
      );
      assert.ok(offers[1].fence > offers[0].fence && offers[2].fence > offers[1].fence);
      assert.equal(await check(b, last), 'queued');
    });

    test('lets a higher limit pass nobody, until who stands before it leaves', async (world) => {
      const [a, b, c, d] = world.guests(4);
      if (!(await world.queues(b, c))) return;
      await take(a, semaphore(2));
      await take(a, semaphore(2));
      const low = await enqueue(b, semaphore(1));
      const high = await enqueue(c, semaphore(4));
      assert.equal(await check(c, high), 'queued');
      assert.equal(await attempt(d, semaphore(4)), 'busy');
      assert.equal((await release(b, 'k', low)).released, false);
      assert.equal((await world.offer(c)).token, high);
    });

    test('hands on a permit that ended, at the next check', async (world) => {
      const [a, b, c] = world.guests(3);
      if (!(await world.queues(b, c))) return;
      await take(a, semaphore(2), { ttl: SHORT });
      const long = await take(a, semaphore(2));
      const tokens = [await enqueue(b, semaphore(2)), await enqueue(c, semaphore(2))];
      await world.elapse(SHORT + 20);
      assert.equal(await check(c, tokens[1]), 'queued');
      assert.equal((await world.offer(b)).token, tokens[0]);
      await release(a, 'k', long);
      assert.equal((await world.offer(c)).token, tokens[1]);
    });

    test('takes a permit back that is not confirmed', async (world) => {
      const [a, b, c] = world.guests(3);
      if (!(await world.queues(b, c))) return;
      const token = await take(a, semaphore(2));
      await take(a, semaphore(2));
      const [lapsed, next] = [await enqueue(b, semaphore(2)), await enqueue(c, semaphore(2))];
      await release(a, 'k', token);
      await world.offer(b);
      await world.elapse(OFFER_MS + 50);
      assert.equal(await check(c, next), 'granted');
      assert.equal((await renew(b, 'k', lapsed)).held, false);
    });

    test('gives a lost place back', async (world) => {
      const [a, b, c] = world.guests(3);
      if (!(await world.queues(b, c))) return;
      const holder = await take(a, semaphore(1));
      const lost = b.token(semaphore(1));
      const { queueScore: place } = queuedOf(await request(b, 'k', { token: lost, mode: 'queue' }));
      await enqueue(c, semaphore(1));
      await release(b, 'k', lost);
      const back = b.token(semaphore(1));
      const retaken = queuedOf(await request(b, 'k', { token: back, mode: 'queue', queueScore: place }));
      assert.deepEqual([retaken.queueScore, retaken.first, retaken.length], [place, true, 2]);
      await release(a, 'k', holder);
      assert.equal((await world.offer(b)).token, back);
    });

    test('is served by who keeps a permit, as far as others have ended', async (world) => {
      const [a, b, c] = world.guests(3);
      if (!(await world.queues(b, c))) return;
      await take(a, semaphore(2), { ttl: SHORT });
      const kept = await take(a, semaphore(2));
      const [next, later] = [await enqueue(b, semaphore(2)), await enqueue(c, semaphore(2))];
      await world.elapse(SHORT + 20);
      await a.session.exchange({ key: 'k', release: { token: kept, releaseAfter: TTL } });
      assert.equal((await world.offer(b)).token, next);
      assert.equal(await check(c, later), 'queued');
    });

    test('takes back in who releases a permit and requests again, behind those who wait', async (world) => {
      const [a, b] = world.guests(2);
      if (!(await world.queues(a, b))) return;
      const first = await take(a, semaphore(1));
      const next = await enqueue(b, semaphore(1));
      const again = a.token(semaphore(1));
      const reply = await a.session.exchange({
        key: 'k',
        release: { token: first },
        acquire: { token: again, ttl: TTL, fences: 1, mode: 'queue' },
      });
      assert.equal(reply.released, true);
      assert.equal(queuedOf(reply).holder, next);
      await world.offer(b);
      await release(b, 'k', next);
      assert.equal((await world.offer(a)).token, again);
    });
  });
}
