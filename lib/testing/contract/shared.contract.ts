/** The contract of shared locks: many readers or one writer, and none passes the queue. */
import { strict as assert } from 'node:assert';
import { OFFER_MS } from '../../core/contracts/store.contract.js';
import { EXCLUSIVE, SHARED } from '../../core/contracts/token.js';
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
  take,
} from './world.js';

export function sharedContract({ describe, test }: Suite): void {
  describe('a shared lock', () => {
    test('lets all readers in, and a writer after the last of them', async (world) => {
      const [a, b, c] = world.guests(3);
      const [ta, tb] = [await take(a, SHARED), await take(b, SHARED)];
      const own = await take(a, SHARED);
      assert.equal(await attempt(c, EXCLUSIVE), 'busy');
      assert.equal((await release(a, 'k', ta)).released, true);
      assert.equal((await release(a, 'k', ta)).released, false);
      assert.equal((await release(a, 'k', own)).released, true);
      assert.equal(await attempt(c, EXCLUSIVE), 'busy');
      assert.equal((await release(b, 'k', tb)).released, true);
      const writer = await take(c, EXCLUSIVE);
      assert.equal(busyOf(await request(a, 'k', { token: a.token(SHARED) })).holder, writer);
    });

    test('names the reader that ends last, as a writer has to wait for it', async (world) => {
      const [a, b, c] = world.guests(3);
      await take(b, SHARED, { ttl: TTL / 4 });
      const last = await take(a, SHARED);
      const middle = await take(b, SHARED, { ttl: TTL / 2 });
      const before = busyOf(await request(c, 'k'));
      assert.equal(before.holder, last);
      assert.ok(before.remaining > TTL / 2 && before.remaining <= TTL, String(before.remaining));
      await release(a, 'k', last);
      const after = busyOf(await request(c, 'k'));
      assert.equal(after.holder, middle);
      assert.ok(after.remaining > TTL / 4 && after.remaining <= TTL / 2, String(after.remaining));
    });

    test('gives each reader a lease of its own, which ends and is renewed by itself', async (world) => {
      const [a, b, c] = world.guests(3);
      const ended = await take(a, SHARED, { ttl: SHORT });
      const renewed = await take(b, SHARED, { ttl: SHORT });
      const long = await take(c, SHARED, { ttl: TTL / 2 });
      assert.equal((await renew(b, 'k', renewed)).held, true);
      assert.equal((await renew(b, 'k', renewed, { ttl: 1 })).held, true);
      await world.elapse(SHORT + 20);
      assert.equal(busyOf(await request(a, 'k')).holder, renewed);
      assert.deepEqual(await renew(a, 'k', ended), { held: false, fence: 0 });
      assert.equal((await release(a, 'k', ended)).released, false);
      assert.equal((await renew(b, 'k', renewed, { fences: 1 })).held, true);
      assert.equal((await release(c, 'k', long)).released, true);
      assert.equal((await release(b, 'k', renewed)).released, true);
      await take(a, EXCLUSIVE);
    });

    test('is free when the last lease ends, and no former reader holds the next', async (world) => {
      const [a, b] = world.guests(2);
      const former = [await take(a, SHARED, { ttl: SHORT }), await take(b, SHARED, { ttl: SHORT / 2 })];
      await world.elapse(SHORT + 20);
      const writer = await take(b, EXCLUSIVE);
      for (const token of former) assert.equal((await renew(a, 'k', token)).held, false);
      await release(b, 'k', writer);
      await take(b, SHARED);
      for (const token of former) {
        assert.equal((await renew(a, 'k', token)).held, false);
        assert.equal((await release(a, 'k', token)).released, false);
      }
      assert.equal(await attempt(a, EXCLUSIVE), 'busy');
    });

    test('counts a repeated request once, makes its lease longer, and fences each grant', async (world) => {
      const [a, b] = world.guests(2);
      const token = a.token(SHARED);
      const first = grantedOf(await request(a, 'k', { token, ttl: SHORT, fences: 3 }));
      const other = grantedOf(await request(b, 'k', { token: b.token(SHARED), ttl: SHORT }));
      const again = grantedOf(await request(a, 'k', { token }));
      assert.ok(other.fence > lastOf(first) && again.fence > lastOf(other));
      assert.ok((await renew(a, 'k', token, { fences: 2 })).fence > lastOf(again));
      await world.elapse(SHORT + 20);
      assert.equal(await attempt(b, EXCLUSIVE), 'busy');
      assert.equal((await release(a, 'k', token)).released, true);
      await take(b, EXCLUSIVE);
    });

    test('keeps a reader for its minimum hold, and the others as they are', async (world) => {
      const [a, b] = world.guests(2);
      const [kept, other] = [await take(a, SHARED), await take(b, SHARED, { ttl: TTL / 2 })];
      assert.equal(
        (await a.session.exchange({ key: 'k', release: { token: kept, releaseAfter: SHORT } })).released,
        true,
      );
      assert.equal(busyOf(await request(b, 'k')).holder, other);
      assert.equal((await release(b, 'k', other)).released, true);
      assert.equal(busyOf(await request(b, 'k')).holder, kept);
      await world.elapse(SHORT + 20);
      await take(b, EXCLUSIVE);
    });

    test('keeps a reader longer than what was left of its lease', async (world) => {
      const [a, b] = world.guests(2);
      const kept = await take(a, SHARED, { ttl: SHORT });
      await a.session.exchange({ key: 'k', release: { token: kept, releaseAfter: TTL } });
      await world.elapse(SHORT + 20);
      assert.equal(await attempt(b, EXCLUSIVE), 'busy');
      await take(b, SHARED);
    });
  });

  describe('the queue of readers and writers', () => {
    test('lets no reader pass a writer', async (world) => {
      const [a, b, c, d] = world.guests(4);
      if (!(await world.queues(a, b, c))) return;
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

    test('lets readers in together that stand together, each with a fence of its own', async (world) => {
      const [a, b, c, d, e, f] = world.guests(6);
      if (!(await world.queues(b, c, d, e, f))) return;
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
      for (const [i, guest] of [b, c, d].entries()) {
        const confirmed = await renew(guest, 'k', readers[i], { fences: 1 });
        assert.ok(confirmed.held && confirmed.fence > offers[2].fence);
      }
      assert.equal(await check(e, writer), 'queued');
      assert.equal(await check(f, later), 'queued');
      for (const [i, guest] of [b, c, d].entries()) await release(guest, 'k', readers[i]);
      assert.equal((await world.offer(e)).token, writer);
      assert.equal(await check(f, later), 'queued');
      await release(e, 'k', writer);
      assert.equal((await world.offer(f)).token, later);
    });

    test('lets the readers behind a writer in when it leaves', async (world) => {
      const [a, b, c, d] = world.guests(4);
      if (!(await world.queues(b, c, d))) return;
      await take(a, SHARED);
      const writer = await enqueue(b, EXCLUSIVE);
      const readers = [await enqueue(c, SHARED), await enqueue(d, SHARED)];
      assert.equal((await release(b, 'k', writer)).released, false);
      assert.equal((await world.offer(c)).token, readers[0]);
      assert.equal((await world.offer(d)).token, readers[1]);
    });

    test('skips a reader whose session is gone', async (world) => {
      const [a, b, c] = world.guests(3);
      if (!(await world.queues(b, c))) return;
      const holder = await take(a, EXCLUSIVE);
      await enqueue(b, SHARED);
      const writer = await enqueue(c, EXCLUSIVE);
      await b.session.close();
      await world.elapse(50);
      await release(a, 'k', holder);
      assert.equal((await world.offer(c)).token, writer);
    });

    test('takes back the offers that are not confirmed, and only those', async (world) => {
      const [a, b, c, d] = world.guests(4);
      if (!(await world.queues(b, c, d))) return;
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

    test('lets a writer in that checks when the last lease has ended', async (world) => {
      const [a, b, c] = world.guests(3);
      if (!(await world.queues(b, c))) return;
      await take(a, SHARED, { ttl: SHORT });
      const first = await take(a, SHARED, { ttl: SHORT / 2 });
      const writer = await enqueue(b, EXCLUSIVE);
      const reader = await enqueue(c, SHARED);
      await release(a, 'k', first);
      assert.equal(await check(b, writer), 'queued');
      await world.elapse(SHORT + 20);
      // Whoever checks hands the key to the first.
      assert.equal(await check(c, reader), 'queued');
      assert.equal((await world.offer(b)).token, writer);
    });

    test('grants a reader out of the queue that checks, and those behind it by offers', async (world) => {
      const [a, b, c, d] = world.guests(4);
      if (!(await world.queues(b, c, d))) return;
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
      const [a, b] = world.guests(2);
      if (!(await world.queues(a, b))) return;
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

    test('lets a reader become the writer, and the writer a reader, in one step', async (world) => {
      const [a, b] = world.guests(2);
      if (!(await world.queues(a, b))) return;
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

    test('gives a lost place back, before those who came later', async (world) => {
      const [a, b, c] = world.guests(3);
      if (!(await world.queues(b, c))) return;
      const holder = await take(a, SHARED);
      const lost = b.token();
      const { queueScore: place } = queuedOf(await request(b, 'k', { token: lost, mode: 'queue' }));
      const reader = await enqueue(c, SHARED);
      await release(b, 'k', lost);
      // Nobody stood before the reader.
      assert.equal((await world.offer(c)).token, reader);
      const next = await enqueue(c, EXCLUSIVE);
      const back = b.token(SHARED);
      // It is the first again, and goes with those who are in.
      grantedOf(await request(b, 'k', { token: back, mode: 'queue', queueScore: place }));
      await release(a, 'k', holder);
      await release(b, 'k', back);
      assert.equal(await check(c, next), 'queued');
      await release(c, 'k', reader);
      assert.equal((await world.offer(c, next)).token, next);
    });

    test('serves those who wait when a reader is released that was kept', async (world) => {
      const [a, b] = world.guests(2);
      if (!(await world.queues(b))) return;
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
