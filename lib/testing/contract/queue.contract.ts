/** The contract of the queue, where a store has one: the order, hand-offs, checks and scores. */
import { strict as assert } from 'node:assert';
import { OFFER_MS } from '../../core/contracts/store.contract.js';
import { request, release, grantedOf, queuedOf, renew, SHORT, TTL, type Suite } from './world.js';

export function queueContract({ describe, test }: Suite): void {
  describe('the queue', () => {
    test('hands the key off in the order of the requests, with a fence above the former one', async (world) => {
      const [a, b, c] = [world.participant(), world.participant(), world.participant()];
      if (!(await world.canQueue(a, b, c))) return;
      const [tokenA, tokenB, tokenC] = [a.token(), b.token(), c.token()];
      const first = grantedOf(await request(a, 'k', { token: tokenA }));
      const queuedB = queuedOf(await request(b, 'k', { token: tokenB, mode: 'queue' }));
      const queuedC = queuedOf(await request(c, 'k', { token: tokenC, mode: 'queue' }));
      assert.deepEqual([queuedB.length, queuedB.first, queuedC.length, queuedC.first], [1, true, 2, false]);
      assert.ok(queuedC.queueScore > queuedB.queueScore);
      assert.equal(queuedB.holder, tokenA);

      assert.equal((await release(a, 'k', tokenA)).released, true);
      const toB = await world.offer(b);
      assert.deepEqual([toB.key, toB.token], ['k', tokenB]);
      assert.ok(toB.fence > first.fence && toB.fence > queuedB.fence && queuedB.fence >= first.fence);
      assert.equal(c.offers.length, 0);
      const confirmed = await renew(b, 'k', tokenB, { fences: 2 });
      assert.ok(confirmed.held && confirmed.fence > toB.fence);

      assert.equal((await release(b, 'k', tokenB)).released, true);
      assert.equal((await world.offer(c)).token, tokenC);
      assert.equal((await release(c, 'k', tokenC)).released, true);
      grantedOf(await request(a, 'k'));
    });

    test('puts a session that releases and requests again behind the waiting requests', async (world) => {
      const [a, b] = [world.participant(), world.participant()];
      if (!(await world.canQueue(a, b))) return;
      const [tokenA, tokenB, again] = [a.token(), b.token(), a.token()];
      grantedOf(await request(a, 'k', { token: tokenA }));
      queuedOf(await request(b, 'k', { token: tokenB, mode: 'queue' }));
      const reply = await a.session.exchange({
        key: 'k',
        release: { token: tokenA },
        acquire: { token: again, ttl: TTL, fences: 1, mode: 'queue' },
      });
      assert.equal(reply.released, true);
      assert.equal(queuedOf(reply).holder, tokenB);
      assert.equal((await world.offer(b)).token, tokenB);
      await release(b, 'k', tokenB);
      assert.equal((await world.offer(a)).token, again);
    });

    test('grants the key at once to a session that releases and requests again while the queue is empty', async (world) => {
      const a = world.participant();
      if (!(await world.canQueue(a))) return;
      const [tokenA, again] = [a.token(), a.token()];
      const first = grantedOf(await request(a, 'k', { token: tokenA }));
      const reply = await a.session.exchange({
        key: 'k',
        release: { token: tokenA },
        acquire: { token: again, ttl: TTL, fences: 1, mode: 'queue' },
      });
      assert.equal(reply.released, true);
      assert.ok(grantedOf(reply).fence > first.fence);
    });

    test('does not let a request that does not wait pass the waiting requests', async (world) => {
      const [a, b, c] = [world.participant(), world.participant(), world.participant()];
      if (!(await world.canQueue(a, b))) return;
      const [tokenA, tokenB] = [a.token(), b.token()];
      grantedOf(await request(a, 'k', { token: tokenA, ttl: SHORT }));
      queuedOf(await request(b, 'k', { token: tokenB, mode: 'queue' }));
      await world.elapse(SHORT + 20);
      assert.equal((await request(c, 'k')).acquire?.state, 'busy');
      assert.equal((await world.offer(b)).token, tokenB);
    });

    test('forgets a request that is released', async (world) => {
      const [a, b, c] = [world.participant(), world.participant(), world.participant()];
      if (!(await world.canQueue(a, b, c))) return;
      const [tokenA, tokenB, tokenC] = [a.token(), b.token(), c.token()];
      grantedOf(await request(a, 'k', { token: tokenA }));
      queuedOf(await request(b, 'k', { token: tokenB, mode: 'queue' }));
      queuedOf(await request(c, 'k', { token: tokenC, mode: 'queue' }));
      assert.equal((await release(b, 'k', tokenB)).released, false);
      await release(a, 'k', tokenA);
      assert.equal((await world.offer(c)).token, tokenC);
      assert.equal(b.offers.length, 0);
    });

    test('skips a request of a closed session', async (world) => {
      const [a, b, c] = [world.participant(), world.participant(), world.participant()];
      if (!(await world.canQueue(a, b, c))) return;
      const [tokenA, tokenB, tokenC] = [a.token(), b.token(), c.token()];
      grantedOf(await request(a, 'k', { token: tokenA }));
      queuedOf(await request(b, 'k', { token: tokenB, mode: 'queue' }));
      queuedOf(await request(c, 'k', { token: tokenC, mode: 'queue' }));
      await b.session.close();
      await world.elapse(50);
      await release(a, 'k', tokenA);
      assert.equal((await world.offer(c)).token, tokenC);
    });

    test('takes back an offer that is not confirmed, and grants the key to the next waiter that checks', async (world) => {
      const [a, b, c] = [world.participant(), world.participant(), world.participant()];
      if (!(await world.canQueue(a, b, c))) return;
      const [tokenA, tokenB, tokenC] = [a.token(), b.token(), c.token()];
      grantedOf(await request(a, 'k', { token: tokenA }));
      queuedOf(await request(b, 'k', { token: tokenB, mode: 'queue' }));
      queuedOf(await request(c, 'k', { token: tokenC, mode: 'queue' }));
      await release(a, 'k', tokenA);
      await world.offer(b);
      await world.elapse(OFFER_MS + 50);
      const granted = grantedOf(await request(c, 'k', { token: tokenC, mode: 'check' }));
      assert.ok(granted.fence > (b.offers[0]?.fence ?? Infinity));
      assert.equal((await renew(b, 'k', tokenB)).held, false);
    });

    test('answers a check with queued, granted or not queued, and a request that is not queued leaves no trace', async (world) => {
      const [a, b] = [world.participant(), world.participant()];
      if (!(await world.canQueue(a, b))) return;
      const [tokenA, tokenB, unknown] = [a.token(), b.token(), b.token()];
      assert.equal((await request(b, 'k', { token: unknown, mode: 'check' })).acquire?.state, 'not-queued');
      grantedOf(await request(a, 'k', { token: tokenA }));
      assert.equal((await request(b, 'k', { token: unknown, mode: 'check' })).acquire?.state, 'not-queued');
      const queued = queuedOf(await request(b, 'k', { token: tokenB, mode: 'queue' }));
      const checked = queuedOf(await request(b, 'k', { token: tokenB, mode: 'check' }));
      assert.deepEqual([checked.queueScore, checked.length, checked.first], [queued.queueScore, 1, true]);
      assert.equal(
        queuedOf(await request(b, 'k', { token: tokenB, mode: 'queue' })).queueScore,
        queued.queueScore,
      );
      await release(a, 'k', tokenA);
      grantedOf(await request(b, 'k', { token: tokenB, mode: 'check' }));
      assert.equal((await release(b, 'k', tokenB)).released, true);
      grantedOf(await request(a, 'k'));
    });

    test('puts a request with the score of a lost one in front of later requests', async (world) => {
      const [a, b, c] = [world.participant(), world.participant(), world.participant()];
      if (!(await world.canQueue(a, b, c))) return;
      const [tokenA, tokenB, tokenC, back] = [a.token(), b.token(), c.token(), b.token()];
      grantedOf(await request(a, 'k', { token: tokenA }));
      const { queueScore: score } = queuedOf(await request(b, 'k', { token: tokenB, mode: 'queue' }));
      queuedOf(await request(c, 'k', { token: tokenC, mode: 'queue' }));
      await release(b, 'k', tokenB);
      const retaken = queuedOf(await request(b, 'k', { token: back, mode: 'queue', queueScore: score }));
      assert.deepEqual([retaken.queueScore, retaken.first, retaken.length], [score, true, 2]);
      await release(a, 'k', tokenA);
      assert.equal((await world.offer(b)).token, back);
    });

    test('grants a free key to the first waiter that replaces its request, before the waiters behind it', async (world) => {
      const [a, b, c] = [world.participant(), world.participant(), world.participant()];
      if (!(await world.canQueue(a, b, c))) return;
      const [tokenA, tokenB, tokenC, replacing] = [a.token(), b.token(), c.token(), b.token()];
      grantedOf(await request(a, 'k', { token: tokenA }));
      const { queueScore } = queuedOf(await request(b, 'k', { token: tokenB, mode: 'queue' }));
      queuedOf(await request(c, 'k', { token: tokenC, mode: 'queue' }));
      await release(a, 'k', tokenA);
      await world.offer(b);
      const acquire = { token: replacing, ttl: TTL, fences: 1, mode: 'queue', queueScore } as const;
      const reply = await b.session.exchange({ key: 'k', release: { token: tokenB }, acquire });
      assert.equal(reply.released, true);
      grantedOf(reply);
      await world.elapse(50);
      assert.equal(c.offers.length, 0);
      await release(b, 'k', replacing);
      assert.equal((await world.offer(c)).token, tokenC);
    });

    test('serves the waiters after a minimum hold, when its holder releases again', async (world) => {
      const [a, b] = [world.participant(), world.participant()];
      if (!(await world.canQueue(a, b))) return;
      const [tokenA, tokenB] = [a.token(), b.token()];
      grantedOf(await request(a, 'k', { token: tokenA }));
      queuedOf(await request(b, 'k', { token: tokenB, mode: 'queue' }));
      await a.session.exchange({ key: 'k', release: { token: tokenA, releaseAfter: SHORT } });
      await world.elapse(SHORT + 20);
      assert.equal(b.offers.length, 0);
      await release(a, 'k', tokenA);
      assert.equal((await world.offer(b)).token, tokenB);
    });

    test('does not call the listener before the method of the session has returned', async (world) => {
      const [a, b] = [world.participant(), world.participant()];
      if (!(await world.canQueue(a, b))) return;
      const [tokenA, tokenB] = [a.token(), b.token()];
      grantedOf(await request(a, 'k', { token: tokenA }));
      queuedOf(await request(b, 'k', { token: tokenB, mode: 'queue' }));
      const releasing = release(a, 'k', tokenA);
      assert.equal(b.offers.length, 0);
      await releasing;
      await world.offer(b);
    });
  });
}
