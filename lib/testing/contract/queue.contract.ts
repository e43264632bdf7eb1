/** The contract of the queue, where a store has one: the order, hand-offs, looks and places. */
import { strict as assert } from 'node:assert';
import { OFFER_MS } from '../../core/store.contract.js';
import { ask, giveUp, grantedOf, queuedOf, renew, SHORT, TTL, type Suite } from './world.js';

export function queueContract({ describe, test }: Suite): void {
  describe('the queue', () => {
    test('hands the key over in the order of asking, with a fence above the former', async (world) => {
      const [a, b, c] = [world.guest(), world.guest(), world.guest()];
      if (!(await world.queues(a, b, c))) return;
      const [ta, tb, tc] = [a.token(), b.token(), c.token()];
      const first = grantedOf(await ask(a, 'k', { token: ta }));
      const qb = queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
      const qc = queuedOf(await ask(c, 'k', { token: tc, mode: 'queue' }));
      assert.deepEqual([qb.length, qb.first, qc.length, qc.first], [1, true, 2, false]);
      assert.ok(qc.place > qb.place);
      assert.equal(qb.holder, ta);

      assert.equal((await giveUp(a, 'k', ta)).released, true);
      const toB = await world.offer(b);
      assert.deepEqual([toB.key, toB.token], ['k', tb]);
      assert.ok(toB.fence > first.fence && toB.fence > qb.fence && qb.fence >= first.fence);
      assert.equal(c.offers.length, 0);
      const confirmed = await renew(b, 'k', tb, { sections: 2 });
      assert.ok(confirmed.held && confirmed.fence > toB.fence);

      assert.equal((await giveUp(b, 'k', tb)).released, true);
      assert.equal((await world.offer(c)).token, tc);
      assert.equal((await giveUp(c, 'k', tc)).released, true);
      grantedOf(await ask(a, 'k'));
    });

    test('puts who gives up and asks again behind those who wait', async (world) => {
      const [a, b] = [world.guest(), world.guest()];
      if (!(await world.queues(a, b))) return;
      const [ta, tb, again] = [a.token(), b.token(), a.token()];
      grantedOf(await ask(a, 'k', { token: ta }));
      queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
      const reply = await a.session.turn({
        key: 'k',
        giveUp: { token: ta },
        ask: { token: again, ttl: TTL, sections: 1, mode: 'queue' },
      });
      assert.equal(reply.released, true);
      assert.equal(queuedOf(reply).holder, tb);
      assert.equal((await world.offer(b)).token, tb);
      await giveUp(b, 'k', tb);
      assert.equal((await world.offer(a)).token, again);
    });

    test('grants at once who gives up and asks again while nobody waits', async (world) => {
      const a = world.guest();
      if (!(await world.queues(a))) return;
      const [ta, again] = [a.token(), a.token()];
      const first = grantedOf(await ask(a, 'k', { token: ta }));
      const reply = await a.session.turn({
        key: 'k',
        giveUp: { token: ta },
        ask: { token: again, ttl: TTL, sections: 1, mode: 'queue' },
      });
      assert.equal(reply.released, true);
      assert.ok(grantedOf(reply).fence > first.fence);
    });

    test('does not let an ask that will not wait pass those who do', async (world) => {
      const [a, b, c] = [world.guest(), world.guest(), world.guest()];
      if (!(await world.queues(a, b))) return;
      const [ta, tb] = [a.token(), b.token()];
      grantedOf(await ask(a, 'k', { token: ta, ttl: SHORT }));
      queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
      await world.elapse(SHORT + 20);
      assert.equal((await ask(c, 'k')).answer?.state, 'busy');
      assert.equal((await world.offer(b)).token, tb);
    });

    test('forgets who leaves it', async (world) => {
      const [a, b, c] = [world.guest(), world.guest(), world.guest()];
      if (!(await world.queues(a, b, c))) return;
      const [ta, tb, tc] = [a.token(), b.token(), c.token()];
      grantedOf(await ask(a, 'k', { token: ta }));
      queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
      queuedOf(await ask(c, 'k', { token: tc, mode: 'queue' }));
      assert.equal((await giveUp(b, 'k', tb)).released, false);
      await giveUp(a, 'k', ta);
      assert.equal((await world.offer(c)).token, tc);
      assert.equal(b.offers.length, 0);
    });

    test('skips a party that is gone', async (world) => {
      const [a, b, c] = [world.guest(), world.guest(), world.guest()];
      if (!(await world.queues(a, b, c))) return;
      const [ta, tb, tc] = [a.token(), b.token(), c.token()];
      grantedOf(await ask(a, 'k', { token: ta }));
      queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
      queuedOf(await ask(c, 'k', { token: tc, mode: 'queue' }));
      await b.session.close();
      await world.elapse(50);
      await giveUp(a, 'k', ta);
      assert.equal((await world.offer(c)).token, tc);
    });

    test('takes an offer back that is not confirmed, for whoever looks next', async (world) => {
      const [a, b, c] = [world.guest(), world.guest(), world.guest()];
      if (!(await world.queues(a, b, c))) return;
      const [ta, tb, tc] = [a.token(), b.token(), c.token()];
      grantedOf(await ask(a, 'k', { token: ta }));
      queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
      queuedOf(await ask(c, 'k', { token: tc, mode: 'queue' }));
      await giveUp(a, 'k', ta);
      await world.offer(b);
      await world.elapse(OFFER_MS + 50);
      const granted = grantedOf(await ask(c, 'k', { token: tc, mode: 'look' }));
      assert.ok(granted.fence > (b.offers[0]?.fence ?? Infinity));
      assert.equal((await renew(b, 'k', tb)).held, false);
    });

    test('answers a look: still queued, granted, or gone, and a gone ask leaves no trace', async (world) => {
      const [a, b] = [world.guest(), world.guest()];
      if (!(await world.queues(a, b))) return;
      const [ta, tb, unknown] = [a.token(), b.token(), b.token()];
      assert.equal((await ask(b, 'k', { token: unknown, mode: 'look' })).answer?.state, 'gone');
      grantedOf(await ask(a, 'k', { token: ta }));
      assert.equal((await ask(b, 'k', { token: unknown, mode: 'look' })).answer?.state, 'gone');
      const queued = queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
      const looked = queuedOf(await ask(b, 'k', { token: tb, mode: 'look' }));
      assert.deepEqual([looked.place, looked.length, looked.first], [queued.place, 1, true]);
      assert.equal(queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' })).place, queued.place);
      await giveUp(a, 'k', ta);
      grantedOf(await ask(b, 'k', { token: tb, mode: 'look' }));
      assert.equal((await giveUp(b, 'k', tb)).released, true);
      grantedOf(await ask(a, 'k'));
    });

    test('gives a lost place back', async (world) => {
      const [a, b, c] = [world.guest(), world.guest(), world.guest()];
      if (!(await world.queues(a, b, c))) return;
      const [ta, tb, tc, back] = [a.token(), b.token(), c.token(), b.token()];
      grantedOf(await ask(a, 'k', { token: ta }));
      const { place } = queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
      queuedOf(await ask(c, 'k', { token: tc, mode: 'queue' }));
      await giveUp(b, 'k', tb);
      const retaken = queuedOf(await ask(b, 'k', { token: back, mode: 'queue', place }));
      assert.deepEqual([retaken.place, retaken.first, retaken.length], [place, true, 2]);
      await giveUp(a, 'k', ta);
      assert.equal((await world.offer(b)).token, back);
    });

    test('serves those who wait after a minimum hold, when its holder gives up again', async (world) => {
      const [a, b] = [world.guest(), world.guest()];
      if (!(await world.queues(a, b))) return;
      const [ta, tb] = [a.token(), b.token()];
      grantedOf(await ask(a, 'k', { token: ta }));
      queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
      await a.session.turn({ key: 'k', giveUp: { token: ta, keepFor: SHORT } });
      await world.elapse(SHORT + 20);
      assert.equal(b.offers.length, 0);
      await giveUp(a, 'k', ta);
      assert.equal((await world.offer(b)).token, tb);
    });

    test('does not call its listener from within a verb', async (world) => {
      const [a, b] = [world.guest(), world.guest()];
      if (!(await world.queues(a, b))) return;
      const [ta, tb] = [a.token(), b.token()];
      grantedOf(await ask(a, 'k', { token: ta }));
      queuedOf(await ask(b, 'k', { token: tb, mode: 'queue' }));
      const releasing = giveUp(a, 'k', ta);
      assert.equal(b.offers.length, 0);
      await releasing;
      await world.offer(b);
    });
  });
}
