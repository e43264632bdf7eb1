/** The contract of the queue of readers and writers: readers enter together, and no reader passes a writer. */
import { strict as assert } from 'node:assert';
import { OFFER_MS } from '../../core/contracts/store.contract.js';
import { EXCLUSIVE, SHARED } from '../../core/contracts/token.js';
import {
  SHORT,
  type Suite,
  TTL,
  request,
  attempt,
  release,
  grantedOf,
  enqueue,
  check,
  queuedOf,
  renew,
  take,
} from './world.js';

export function sharedQueueContract({ describe, test }: Suite): void {
  describe('the queue of readers and writers', () => {
    test('lets no reader pass a writer', async (world) => {
      const [a, b, c, d] = world.participants(4);
      if (!(await world.canQueue(a, b, c))) return;
      const reader = await take(a, SHARED);
      const writer = await enqueue(b, EXCLUSIVE);
      const later = await enqueue(c, SHARED);
      assert.equal(await attempt(d, SHARED), 'busy');
      assert.equal(await check(c, later), 'queued');
      await release(a, 'k', reader);
      assert.equal((await world.offer(b)).token, writer);
      assert.equal(await check(c, later), 'queued');
      await release(b, 'k', writer);
      assert.equal((await world.offer(c)).token, later);
      assert.equal((await renew(c, 'k', later)).held, true);
      await take(d, SHARED);
    });

    test('offers the key to adjacent readers together, each with a fence of its own', async (world) => {
      const [a, b, c, d, e, f] = world.participants(6);
      if (!(await world.canQueue(b, c, d, e, f))) return;
      const holder = await take(a, EXCLUSIVE);
      const readers = [await enqueue(b, SHARED), await enqueue(c, SHARED), await enqueue(d, SHARED)];
      const [writer, later] = [await enqueue(e, EXCLUSIVE), await enqueue(f, SHARED)];
      await release(a, 'k', holder);
      const offers = [await world.offer(b), await world.offer(c), await world.offer(d)];
      assert.deepEqual(
        offers.map(({ token }) => token),
        readers,
      );
      assert.ok(offers[1].fence > offers[0].fence && offers[2].fence > offers[1].fence);
      for (const [i, participant] of [b, c, d].entries()) {
        const confirmed = await renew(participant, 'k', readers[i], { fences: 1 });
        assert.ok(confirmed.held && confirmed.fence > offers[2].fence);
      }
      assert.equal(await check(e, writer), 'queued');
      assert.equal(await check(f, later), 'queued');
      for (const [i, participant] of [b, c, d].entries()) await release(participant, 'k', readers[i]);
      assert.equal((await world.offer(e)).token, writer);
      assert.equal(await check(f, later), 'queued');
      await release(e, 'k', writer);
      assert.equal((await world.offer(f)).token, later);
    });

    test('offers the key to the readers behind a writer when the writer leaves', async (world) => {
      const [a, b, c, d] = world.participants(4);
      if (!(await world.canQueue(b, c, d))) return;
      await take(a, SHARED);
      const writer = await enqueue(b, EXCLUSIVE);
      const readers = [await enqueue(c, SHARED), await enqueue(d, SHARED)];
      assert.equal((await release(b, 'k', writer)).released, false);
      assert.equal((await world.offer(c)).token, readers[0]);
      assert.equal((await world.offer(d)).token, readers[1]);
    });

    test('skips a reader of a closed session', async (world) => {
      const [a, b, c] = world.participants(3);
      if (!(await world.canQueue(b, c))) return;
      const holder = await take(a, EXCLUSIVE);
      await enqueue(b, SHARED);
      const writer = await enqueue(c, EXCLUSIVE);
      await b.session.close();
      await world.elapse(50);
      await release(a, 'k', holder);
      assert.equal((await world.offer(c)).token, writer);
    });

    test('takes back offers that are not confirmed, and no other offer', async (world) => {
      const [a, b, c, d] = world.participants(4);
      if (!(await world.canQueue(b, c, d))) return;
      const holder = await take(a, EXCLUSIVE);
      const [lapsed, confirmed] = [await enqueue(b, SHARED), await enqueue(c, SHARED)];
      const writer = await enqueue(d, EXCLUSIVE);
      await release(a, 'k', holder);
      await world.offer(b);
      await world.offer(c);
      assert.equal((await renew(c, 'k', confirmed)).held, true);
      await world.elapse(OFFER_MS + 50);
      assert.equal((await renew(b, 'k', lapsed)).held, false);
      assert.equal(await check(b, lapsed), 'not-queued');
      assert.equal(queuedOf(await request(d, 'k', { token: writer, mode: 'check' })).holder, confirmed);
      await release(c, 'k', confirmed);
      assert.equal((await world.offer(d)).token, writer);
    });

    test('offers the key to the writer at the next check after the last lease has ended', async (world) => {
      const [a, b, c] = world.participants(3);
      if (!(await world.canQueue(b, c))) return;
      await take(a, SHARED, { ttl: SHORT });
      const first = await take(a, SHARED, { ttl: SHORT / 2 });
      const writer = await enqueue(b, EXCLUSIVE);
      const reader = await enqueue(c, SHARED);
      await release(a, 'k', first);
      assert.equal(await check(b, writer), 'queued');
      await world.elapse(SHORT + 20);
      // A check of any waiter hands the key off to the first one.
      assert.equal(await check(c, reader), 'queued');
      assert.equal((await world.offer(b)).token, writer);
    });

    test('grants the key to a reader that checks, and offers it to the readers behind', async (world) => {
      const [a, b, c, d] = world.participants(4);
      if (!(await world.canQueue(b, c, d))) return;
      await take(a, EXCLUSIVE, { ttl: SHORT });
      const [checking, behind] = [await enqueue(b, SHARED), await enqueue(c, SHARED)];
      await enqueue(d, EXCLUSIVE);
      await world.elapse(SHORT + 20);
      assert.equal(await check(b, checking), 'granted');
      assert.equal((await world.offer(c)).token, behind);
      assert.equal(b.offers.length, 0);
      assert.equal((await release(b, 'k', checking)).released, true);
      assert.equal((await release(c, 'k', behind)).released, true);
      await world.offer(d);
    });

    test('puts a reader that releases and requests again behind a writer', async (world) => {
      const [a, b] = world.participants(2);
      if (!(await world.canQueue(a, b))) return;
      const [first, second] = [await take(a, SHARED), await take(a, SHARED)];
      const writer = await enqueue(b, EXCLUSIVE);
      const again = a.token(SHARED);
      const reply = await a.session.exchange({
        key: 'k',
        release: { token: first },
        acquire: { token: again, ttl: TTL, fences: 1, mode: 'queue' },
      });
      assert.equal(reply.released, true);
      assert.equal(queuedOf(reply).holder, second);
      await release(a, 'k', second);
      assert.equal((await world.offer(b)).token, writer);
      await release(b, 'k', writer);
      assert.equal((await world.offer(a)).token, again);
    });

    test('lets a reader become a writer, and the writer a reader, in one exchange', async (world) => {
      const [a, b] = world.participants(2);
      if (!(await world.canQueue(a, b))) return;
      const first = await take(a, SHARED);
      const [writer, reader] = [a.token(), a.token(SHARED)];
      const common = { ttl: TTL, fences: 1, mode: 'queue' } as const;
      const up = await a.session.exchange({
        key: 'k',
        release: { token: first },
        acquire: { token: writer, ...common },
      });
      assert.equal(up.released, true);
      grantedOf(up);
      assert.equal(await attempt(b, SHARED), 'busy');
      const down = await a.session.exchange({
        key: 'k',
        release: { token: writer },
        acquire: { token: reader, ...common },
      });
      assert.equal(down.released, true);
      grantedOf(down);
      await take(b, SHARED);
    });

    test('puts a request with the score of a lost one in front of later requests', async (world) => {
      const [a, b, c] = world.participants(3);
      if (!(await world.canQueue(b, c))) return;
      const holder = await take(a, SHARED);
      const lost = b.token();
      const { queueScore: score } = queuedOf(await request(b, 'k', { token: lost, mode: 'queue' }));
      const reader = await enqueue(c, SHARED);
      await release(b, 'k', lost);
      // The reader is now the first of the queue.
      assert.equal((await world.offer(c)).token, reader);
      const next = await enqueue(c, EXCLUSIVE);
      const back = b.token(SHARED);
      // The request is the first again, and is compatible with the present holders.
      grantedOf(await request(b, 'k', { token: back, mode: 'queue', queueScore: score }));
      await release(a, 'k', holder);
      await release(b, 'k', back);
      assert.equal(await check(c, next), 'queued');
      await release(c, 'k', reader);
      assert.equal((await world.offer(c, next)).token, next);
    });

    test('serves the waiters when a reader is released again after its minimum hold', async (world) => {
      const [a, b] = world.participants(2);
      if (!(await world.canQueue(b))) return;
      const kept = await take(a, SHARED);
      const writer = await enqueue(b, EXCLUSIVE);
      await a.session.exchange({ key: 'k', release: { token: kept, releaseAfter: SHORT } });
      assert.equal(await check(b, writer), 'queued');
      await world.elapse(SHORT + 20);
      assert.equal((await release(a, 'k', kept)).released, false);
      assert.equal((await world.offer(b)).token, writer);
    });
  });
}
