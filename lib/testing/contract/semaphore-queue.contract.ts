/** The contract of the queue of a semaphore: permits are handed off in order, and no request passes another. */
import { strict as assert } from 'node:assert';
import { OFFER_MS } from '../../core/contracts/store.contract.js';
import {
  SHORT,
  type Suite,
  TTL,
  request,
  attempt,
  release,
  enqueue,
  check,
  queuedOf,
  renew,
  semaphore,
  take,
} from './world.js';

export function semaphoreQueueContract({ describe, test }: Suite): void {
  describe('the queue of a semaphore', () => {
    test('hands each permit off to the first waiter', async (world) => {
      const [a, b, c, d] = world.participants(4);
      if (!(await world.canQueue(a, b, c))) return;
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

    test('serves as many waiters in one step as there are free permits', async (world) => {
      const [a, b, c, d] = world.participants(4);
      if (!(await world.canQueue(b, c, d))) return;
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

    test('does not let a higher limit pass an earlier request, until that request leaves', async (world) => {
      const [a, b, c, d] = world.participants(4);
      if (!(await world.canQueue(b, c))) return;
      await take(a, semaphore(2));
      await take(a, semaphore(2));
      const low = await enqueue(b, semaphore(1));
      const high = await enqueue(c, semaphore(4));
      assert.equal(await check(c, high), 'queued');
      assert.equal(await attempt(d, semaphore(4)), 'busy');
      assert.equal((await release(b, 'k', low)).released, false);
      assert.equal((await world.offer(c)).token, high);
    });

    test('hands off an ended permit at the next check', async (world) => {
      const [a, b, c] = world.participants(3);
      if (!(await world.canQueue(b, c))) return;
      await take(a, semaphore(2), { ttl: SHORT });
      const long = await take(a, semaphore(2));
      const tokens = [await enqueue(b, semaphore(2)), await enqueue(c, semaphore(2))];
      await world.elapse(SHORT + 20);
      assert.equal(await check(c, tokens[1]), 'queued');
      assert.equal((await world.offer(b)).token, tokens[0]);
      await release(a, 'k', long);
      assert.equal((await world.offer(c)).token, tokens[1]);
    });

    test('takes back an offered permit that is not confirmed', async (world) => {
      const [a, b, c] = world.participants(3);
      if (!(await world.canQueue(b, c))) return;
      const token = await take(a, semaphore(2));
      await take(a, semaphore(2));
      const [lapsed, next] = [await enqueue(b, semaphore(2)), await enqueue(c, semaphore(2))];
      await release(a, 'k', token);
      await world.offer(b);
      await world.elapse(OFFER_MS + 50);
      assert.equal(await check(c, next), 'granted');
      assert.equal((await renew(b, 'k', lapsed)).held, false);
    });

    test('puts a request with the score of a lost one in front of later requests', async (world) => {
      const [a, b, c] = world.participants(3);
      if (!(await world.canQueue(b, c))) return;
      const holder = await take(a, semaphore(1));
      const lost = b.token(semaphore(1));
      const { queueScore: score } = queuedOf(await request(b, 'k', { token: lost, mode: 'queue' }));
      await enqueue(c, semaphore(1));
      await release(b, 'k', lost);
      const back = b.token(semaphore(1));
      const retaken = queuedOf(await request(b, 'k', { token: back, mode: 'queue', queueScore: score }));
      assert.deepEqual([retaken.queueScore, retaken.first, retaken.length], [score, true, 2]);
      await release(a, 'k', holder);
      assert.equal((await world.offer(b)).token, back);
    });

    test('is served by a release with a minimum hold, if another permit has ended', async (world) => {
      const [a, b, c] = world.participants(3);
      if (!(await world.canQueue(b, c))) return;
      await take(a, semaphore(2), { ttl: SHORT });
      const kept = await take(a, semaphore(2));
      const [next, later] = [await enqueue(b, semaphore(2)), await enqueue(c, semaphore(2))];
      await world.elapse(SHORT + 20);
      await a.session.exchange({ key: 'k', release: { token: kept, releaseAfter: TTL } });
      assert.equal((await world.offer(b)).token, next);
      assert.equal(await check(c, later), 'queued');
    });

    test('puts a session that releases a permit and requests again behind the waiting requests', async (world) => {
      const [a, b] = world.participants(2);
      if (!(await world.canQueue(a, b))) return;
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
