/** The contract of shared locks: many readers or one writer, and none passes the queue. */
import { strict as assert } from 'node:assert';
import { OFFER_MS } from '../../core/store.contract.js';
import { EXCLUSIVE, SHARED } from '../../core/token.js';
import {
  SHORT,
  type Suite,
  TTL,
  ask,
  attempt,
  busyOf,
  giveUp,
  grantedOf,
  lastOf,
  line,
  look,
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
      assert.equal((await giveUp(a, 'k', ta)).released, true);
      assert.equal((await giveUp(a, 'k', ta)).released, false);
      assert.equal((await giveUp(a, 'k', own)).released, true);
      assert.equal(await attempt(c, EXCLUSIVE), 'busy');
      assert.equal((await giveUp(b, 'k', tb)).released, true);
      const writer = await take(c, EXCLUSIVE);
      assert.equal(busyOf(await ask(a, 'k', { token: a.token(SHARED) })).holder, writer);
    });

    test('names the reader that ends last, as a writer has to wait for it', async (world) => {
      const [a, b, c] = world.guests(3);
      await take(b, SHARED, { ttl: TTL / 4 });
      const last = await take(a, SHARED);
      const middle = await take(b, SHARED, { ttl: TTL / 2 });
      const before = busyOf(await ask(c, 'k'));
      assert.equal(before.holder, last);
      assert.ok(before.remaining > TTL / 2 && before.remaining <= TTL, String(before.remaining));
      await giveUp(a, 'k', last);
      const after = busyOf(await ask(c, 'k'));
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
      assert.equal(busyOf(await ask(a, 'k')).holder, renewed);
      assert.deepEqual(await renew(a, 'k', ended), { held: false, fence: 0 });
      assert.equal((await giveUp(a, 'k', ended)).released, false);
      assert.equal((await renew(b, 'k', renewed, { sections: 1 })).held, true);
      assert.equal((await giveUp(c, 'k', long)).released, true);
      assert.equal((await giveUp(b, 'k', renewed)).released, true);
      await take(a, EXCLUSIVE);
    });

    test('is free when the last lease ends, and no former reader holds the next', async (world) => {
      const [a, b] = world.guests(2);
      const former = [await take(a, SHARED, { ttl: SHORT }), await take(b, SHARED, { ttl: SHORT / 2 })];
      await world.elapse(SHORT + 20);
      const writer = await take(b, EXCLUSIVE);
      for (const token of former) assert.equal((await renew(a, 'k', token)).held, false);
      await giveUp(b, 'k', writer);
      await take(b, SHARED);
      for (const token of former) {
        assert.equal((await renew(a, 'k', token)).held, false);
        assert.equal((await giveUp(a, 'k', token)).released, false);
      }
      assert.equal(await attempt(a, EXCLUSIVE), 'busy');
    });

    test('counts a repeated ask once, makes its lease longer, and fences each grant', async (world) => {
      const [a, b] = world.guests(2);
      const token = a.token(SHARED);
      const first = grantedOf(await ask(a, 'k', { token, ttl: SHORT, sections: 3 }));
      const other = grantedOf(await ask(b, 'k', { token: b.token(SHARED), ttl: SHORT }));
      const again = grantedOf(await ask(a, 'k', { token }));
      assert.ok(other.fence > lastOf(first) && again.fence > lastOf(other));
      assert.ok((await renew(a, 'k', token, { sections: 2 })).fence > lastOf(again));
      await world.elapse(SHORT + 20);
      assert.equal(await attempt(b, EXCLUSIVE), 'busy');
      assert.equal((await giveUp(a, 'k', token)).released, true);
      await take(b, EXCLUSIVE);
    });

    test('keeps a reader for its minimum hold, and the others as they are', async (world) => {
      const [a, b] = world.guests(2);
      const [kept, other] = [await take(a, SHARED), await take(b, SHARED, { ttl: TTL / 2 })];
      assert.equal(
        (await a.session.turn({ key: 'k', giveUp: { token: kept, keepFor: SHORT } })).released,
        true,
      );
      assert.equal(busyOf(await ask(b, 'k')).holder, other);
      assert.equal((await giveUp(b, 'k', other)).released, true);
      assert.equal(busyOf(await ask(b, 'k')).holder, kept);
      await world.elapse(SHORT + 20);
      await take(b, EXCLUSIVE);
    });

    test('keeps a reader longer than what was left of its lease', async (world) => {
      const [a, b] = world.guests(2);
      const kept = await take(a, SHARED, { ttl: SHORT });
      await a.session.turn({ key: 'k', giveUp: { token: kept, keepFor: TTL } });
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
      const writer = await line(b, EXCLUSIVE);
      const later = await line(c, SHARED);
      assert.equal(await attempt(d, SHARED), 'busy');
      assert.equal(await look(c, later), 'queued');
      await giveUp(a, 'k', reader);
      assert.equal((await world.offer(b)).token, writer);
      assert.equal(await look(c, later), 'queued');
      await giveUp(b, 'k', writer);
      assert.equal((await world.offer(c)).token, later);
      assert.equal((await renew(c, 'k', later)).held, true);
      await take(d, SHARED);
    });

    test('lets readers in together that stand together, each with a fence of its own', async (world) => {
      const [a, b, c, d, e, f] = world.guests(6);
      if (!(await world.queues(b, c, d, e, f))) return;
      const holder = await take(a, EXCLUSIVE);
      const readers = [await line(b, SHARED), await line(c, SHARED), await line(d, SHARED)];
      const [writer, later] = [await line(e, EXCLUSIVE), await line(f, SHARED)];
      await giveUp(a, 'k', holder);
      const offers = [await world.offer(b), await world.offer(c), await world.offer(d)];
      assert.deepEqual(
        offers.map(({ token }) => token),
        readers,
      );
      assert.ok(offers[1].fence > offers[0].fence && offers[2].fence > offers[1].fence);
      for (const [i, guest] of [b, c, d].entries()) {
        const confirmed = await renew(guest, 'k', readers[i], { sections: 1 });
        assert.ok(confirmed.held && confirmed.fence > offers[2].fence);
      }
      assert.equal(await look(e, writer), 'queued');
      assert.equal(await look(f, later), 'queued');
      for (const [i, guest] of [b, c, d].entries()) await giveUp(guest, 'k', readers[i]);
      assert.equal((await world.offer(e)).token, writer);
      assert.equal(await look(f, later), 'queued');
      await giveUp(e, 'k', writer);
      assert.equal((await world.offer(f)).token, later);
    });

    test('lets the readers behind a writer in when it leaves', async (world) => {
      const [a, b, c, d] = world.guests(4);
      if (!(await world.queues(b, c, d))) return;
      await take(a, SHARED);
      const writer = await line(b, EXCLUSIVE);
      const readers = [await line(c, SHARED), await line(d, SHARED)];
      assert.equal((await giveUp(b, 'k', writer)).released, false);
      assert.equal((await world.offer(c)).token, readers[0]);
      assert.equal((await world.offer(d)).token, readers[1]);
    });

    test('skips a reader whose party is gone', async (world) => {
      const [a, b, c] = world.guests(3);
      if (!(await world.queues(b, c))) return;
      const holder = await take(a, EXCLUSIVE);
      await line(b, SHARED);
      const writer = await line(c, EXCLUSIVE);
      await b.session.close();
      await world.elapse(50);
      await giveUp(a, 'k', holder);
      assert.equal((await world.offer(c)).token, writer);
    });

    test('takes back the offers that are not confirmed, and only those', async (world) => {
      const [a, b, c, d] = world.guests(4);
      if (!(await world.queues(b, c, d))) return;
      const holder = await take(a, EXCLUSIVE);
      const [lapsed, confirmed] = [await line(b, SHARED), await line(c, SHARED)];
      const writer = await line(d, EXCLUSIVE);
      await giveUp(a, 'k', holder);
      await world.offer(b);
      await world.offer(c);
      assert.equal((await renew(c, 'k', confirmed)).held, true);
      await world.elapse(OFFER_MS + 50);
      assert.equal((await renew(b, 'k', lapsed)).held, false);
      assert.equal(await look(b, lapsed), 'gone');
      assert.equal(queuedOf(await ask(d, 'k', { token: writer, mode: 'look' })).holder, confirmed);
      await giveUp(c, 'k', confirmed);
      assert.equal((await world.offer(d)).token, writer);
    });

    test('lets a writer in that looks when the last lease has ended', async (world) => {
      const [a, b, c] = world.guests(3);
      if (!(await world.queues(b, c))) return;
      await take(a, SHARED, { ttl: SHORT });
      const first = await take(a, SHARED, { ttl: SHORT / 2 });
      const writer = await line(b, EXCLUSIVE);
      const reader = await line(c, SHARED);
      await giveUp(a, 'k', first);
      assert.equal(await look(b, writer), 'queued');
      await world.elapse(SHORT + 20);
      // Whoever looks hands the key to the first.
      assert.equal(await look(c, reader), 'queued');
      assert.equal((await world.offer(b)).token, writer);
    });

    test('grants a reader out of the queue that looks, and those behind it by offers', async (world) => {
      const [a, b, c, d] = world.guests(4);
      if (!(await world.queues(b, c, d))) return;
      await take(a, EXCLUSIVE, { ttl: SHORT });
      const [looking, behind] = [await line(b, SHARED), await line(c, SHARED)];
      await line(d, EXCLUSIVE);
      await world.elapse(SHORT + 20);
      assert.equal(await look(b, looking), 'granted');
      assert.equal((await world.offer(c)).token, behind);
      assert.equal(b.offers.length, 0);
      assert.equal((await giveUp(b, 'k', looking)).released, true);
      assert.equal((await giveUp(c, 'k', behind)).released, true);
      await world.offer(d);
    });

    test('puts a reader that gives up and asks again behind a writer', async (world) => {
      const [a, b] = world.guests(2);
      if (!(await world.queues(a, b))) return;
      const [first, second] = [await take(a, SHARED), await take(a, SHARED)];
      const writer = await line(b, EXCLUSIVE);
      const again = a.token(SHARED);
      const reply = await a.session.turn({
        key: 'k',
        giveUp: { token: first },
        ask: { token: again, ttl: TTL, sections: 1, mode: 'queue' },
      });
      assert.equal(reply.released, true);
      assert.equal(queuedOf(reply).holder, second);
      await giveUp(a, 'k', second);
      assert.equal((await world.offer(b)).token, writer);
      await giveUp(b, 'k', writer);
      assert.equal((await world.offer(a)).token, again);
    });

    test('lets a reader become the writer, and the writer a reader, in one step', async (world) => {
      const [a, b] = world.guests(2);
      if (!(await world.queues(a, b))) return;
      const first = await take(a, SHARED);
      const [writer, reader] = [a.token(), a.token(SHARED)];
      const ofTurn = { ttl: TTL, sections: 1, mode: 'queue' } as const;
      const up = await a.session.turn({
        key: 'k',
        giveUp: { token: first },
        ask: { token: writer, ...ofTurn },
      });
      assert.equal(up.released, true);
      grantedOf(up);
      assert.equal(await attempt(b, SHARED), 'busy');
      const down = await a.session.turn({
        key: 'k',
        giveUp: { token: writer },
        ask: { token: reader, ...ofTurn },
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
      const { place } = queuedOf(await ask(b, 'k', { token: lost, mode: 'queue' }));
      const reader = await line(c, SHARED);
      await giveUp(b, 'k', lost);
      // Nobody stood before the reader.
      assert.equal((await world.offer(c)).token, reader);
      const next = await line(c, EXCLUSIVE);
      const back = b.token(SHARED);
      // It is the first again, and goes with those who are in.
      grantedOf(await ask(b, 'k', { token: back, mode: 'queue', place }));
      await giveUp(a, 'k', holder);
      await giveUp(b, 'k', back);
      assert.equal(await look(c, next), 'queued');
      await giveUp(c, 'k', reader);
      assert.equal((await world.offer(c, next)).token, next);
    });

    test('serves those who wait when a reader is given up that was kept', async (world) => {
      const [a, b] = world.guests(2);
      if (!(await world.queues(b))) return;
      const kept = await take(a, SHARED);
      const writer = await line(b, EXCLUSIVE);
      await a.session.turn({ key: 'k', giveUp: { token: kept, keepFor: SHORT } });
      assert.equal(await look(b, writer), 'queued');
      await world.elapse(SHORT + 20);
      assert.equal((await giveUp(a, 'k', kept)).released, false);
      assert.equal((await world.offer(b)).token, writer);
    });
  });
}
