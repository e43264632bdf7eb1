/** The contract of the queue, where a store has one: the order, hand-offs, checks and places. */
import { strict as assert } from 'node:assert';
import { OFFER_MS } from '../../core/contracts/store.contract.js';
import { request, release, grantedOf, queuedOf, renew, SHORT, TTL, type Suite } from './world.js';

export function queueContract({ describe, test }: Suite): void {
  describe('the queue', () => {
    test('hands the key over in the order of requesting, with a fence above the former', async (world) => {
      const [a, b, c] = [world.guest(), world.guest(), world.guest()];
      if (!(await world.queues(a, b, c))) return;
      const [ta, tb, tc] = [a.token(), b.token(), c.token()];
      const first = grantedOf(await request(a, 'k', { token: ta }));
      const qb = queuedOf(await request(b, 'k', { token: tb, mode: 'queue' }));
      const qc = queuedOf(await request(c, 'k', { token: tc, mode: 'queue' }));
      assert.deepEqual([qb.length, qb.first, qc.length, qc.first], [1, true, 2, false]);
      assert.ok(qc.queueScore > qb.queueScore);
      assert.equal(qb.holder, ta);

      assert.equal((await release(a, 'k', ta)).released, true);
      const toB = await world.offer(b);
      assert.deepEqual([toB.key, toB.token], ['k', tb]);
      assert.ok(toB.fence > first.fence && toB.fence > qb.fence && qb.fence >= first.fence);
      assert.equal(c.offers.length, 0);
      const confirmed = await renew(b, 'k', tb, { fences: 2 });
      assert.ok(confirmed.held && confirmed.fence > toB.fence);

      assert.equal((await release(b, 'k', tb)).released, true);
      assert.equal((await world.offer(c)).token, tc);
      assert.equal((await release(c, 'k', tc)).released, true);
      grantedOf(await request(a, 'k'));
    });

    test('puts who releases and requests again behind those who wait', async (world) => {
      const [a, b] = [world.guest(), world.guest()];
      if (!(await world.queues(a, b))) return;
      const [ta, tb, again] = [a.token(), b.token(), a.token()];
      grantedOf(await request(a, 'k', { token: ta }));
      queuedOf(await request(b, 'k', { token: tb, mode: 'queue' }));
      const reply = await a.session.exchange({
        key: 'k',
        release: { token: ta },
        acquire: { token: again, ttl: TTL, fences: 1, mode: 'queue' },
      });
      assert.equal(reply.released, true);
      assert.equal(queuedOf(reply).holder, tb);
      assert.equal((await world.offer(b)).token, tb);
      await release(b, 'k', tb);
      assert.equal((await world.offer(a)).token, again);
    });

    test('grants at once who releases and requests again while nobody waits', async (world) => {
      const a = world.guest();
      if (!(await world.queues(a))) return;
      const [ta, again] = [a.token(), a.token()];
      const first = grantedOf(await request(a, 'k', { token: ta }));
      const reply = await a.session.exchange({
        key: 'k',
        release: { token: ta },
        acquire: { token: again, ttl: TTL, fences: 1, mode: 'queue' },
      });
      assert.equal(reply.released, true);
      assert.ok(grantedOf(reply).fence > first.fence);
    });

    test('does not let a request that will not wait pass those who do', async (world) => {
      const [a, b, c] = [world.guest(), world.guest(), world.guest()];
      if (!(await world.queues(a, b))) return;
      const [ta, tb] = [a.token(), b.token()];
      grantedOf(await request(a, 'k', { token: ta, ttl: SHORT }));
      queuedOf(await request(b, 'k', { token: tb, mode: 'queue' }));
      await world.elapse(SHORT + 20);
      assert.equal((await request(c, 'k')).acquire?.state, 'busy');
      assert.equal((await world.offer(b)).token, tb);
    });

    test('forgets who leaves it', async (world) => {
      const [a, b, c] = [world.guest(), world.guest(), world.guest()];
      if (!(await world.queues(a, b, c))) return;
      const [ta, tb, tc] = [a.token(), b.token(), c.token()];
      grantedOf(await request(a, 'k', { token: ta }));
      queuedOf(await request(b, 'k', { token: tb, mode: 'queue' }));
      queuedOf(await request(c, 'k', { token: tc, mode: 'queue' }));
      assert.equal((await release(b, 'k', tb)).released, false);
      await release(a, 'k', ta);
      assert.equal((await world.offer(c)).token, tc);
      assert.equal(b.offers.length, 0);
    });

    test('skips a session that is gone', async (world) => {
      const [a, b, c] = [world.guest(), world.guest(), world.guest()];
      if (!(await world.queues(a, b, c))) return;
      const [ta, tb, tc] = [a.token(), b.token(), c.token()];
      grantedOf(await request(a, 'k', { token: ta }));
      queuedOf(await request(b, 'k', { token: tb, mode: 'queue' }));
      queuedOf(await request(c, 'k', { token: tc, mode: 'queue' }));
      await b.session.close();
      await world.elapse(50);
      await release(a, 'k', ta);
      assert.equal((await world.offer(c)).token, tc);
    });

    test('takes an offer back that is not confirmed, for whoever checks next', async (world) => {
      const [a, b, c] = [world.guest(), world.guest(), world.guest()];
      if (!(await world.queues(a, b, c))) return;
      const [ta, tb, tc] = [a.token(), b.token(), c.token()];
      grantedOf(await request(a, 'k', { token: ta }));
      queuedOf(await request(b, 'k', { token: tb, mode: 'queue' }));
      queuedOf(await request(c, 'k', { token: tc, mode: 'queue' }));
      await release(a, 'k', ta);
      await world.offer(b);
      await world.elapse(OFFER_MS + 50);
      const granted = grantedOf(await request(c, 'k', { token: tc, mode: 'check' }));
      assert.ok(granted.fence > (b.offers[0]?.fence ?? Infinity));
      assert.equal((await renew(b, 'k', tb)).held, false);
    });

    test('answers a check: still queued, granted, or gone, and a gone request leaves no trace', async (world) => {
      const [a, b] = [world.guest(), world.guest()];
      if (!(await world.queues(a, b))) return;
      const [ta, tb, unknown] = [a.token(), b.token(), b.token()];
      assert.equal((await request(b, 'k', { token: unknown, mode: 'check' })).acquire?.state, 'not-queued');
      grantedOf(await request(a, 'k', { token: ta }));
      assert.equal((await request(b, 'k', { token: unknown, mode: 'check' })).acquire?.state, 'not-queued');
      const queued = queuedOf(await request(b, 'k', { token: tb, mode: 'queue' }));
      const checked = queuedOf(await request(b, 'k', { token: tb, mode: 'check' }));
      assert.deepEqual([checked.queueScore, checked.length, checked.first], [queued.queueScore, 1, true]);
      assert.equal(
        queuedOf(await request(b, 'k', { token: tb, mode: 'queue' })).queueScore,
        queued.queueScore,
      );
      await release(a, 'k', ta);
      grantedOf(await request(b, 'k', { token: tb, mode: 'check' }));
      assert.equal((await release(b, 'k', tb)).released, true);
      grantedOf(await request(a, 'k'));
    });

    test('gives a lost place back', async (world) => {
      const [a, b, c] = [world.guest(), world.guest(), world.guest()];
      if (!(await world.queues(a, b, c))) return;
      const [ta, tb, tc, back] = [a.token(), b.token(), c.token(), b.token()];
      grantedOf(await request(a, 'k', { token: ta }));
      const { queueScore: place } = queuedOf(await request(b, 'k', { token: tb, mode: 'queue' }));
      queuedOf(await request(c, 'k', { token: tc, mode: 'queue' }));
      await release(b, 'k', tb);
      const retaken = queuedOf(await request(b, 'k', { token: back, mode: 'queue', queueScore: place }));
      assert.deepEqual([retaken.queueScore, retaken.first, retaken.length], [place, true, 2]);
      await release(a, 'k', ta);
      assert.equal((await world.offer(b)).token, back);
    });

    test('serves those who wait after a minimum hold, when its holder releases again', async (world) => {
      const [a, b] = [world.guest(), world.guest()];
      if (!(await world.queues(a, b))) return;
      const [ta, tb] = [a.token(), b.token()];
      grantedOf(await request(a, 'k', { token: ta }));
      queuedOf(await request(b, 'k', { token: tb, mode: 'queue' }));
      await a.session.exchange({ key: 'k', release: { token: ta, releaseAfter: SHORT } });
      await world.elapse(SHORT + 20);
      assert.equal(b.offers.length, 0);
      await release(a, 'k', ta);
      assert.equal((await world.offer(b)).token, tb);
    });

    test('does not call its listener from within a verb', async (world) => {
      const [a, b] = [world.guest(), world.guest()];
      if (!(await world.queues(a, b))) return;
      const [ta, tb] = [a.token(), b.token()];
      grantedOf(await request(a, 'k', { token: ta }));
      queuedOf(await request(b, 'k', { token: tb, mode: 'queue' }));
      const releasing = release(a, 'k', ta);
      assert.equal(b.offers.length, 0);
      await releasing;
      await world.offer(b);
    });
  });
}
