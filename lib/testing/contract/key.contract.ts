/** The contract of one key and its exclusive owner: granted, renewed, given back, fenced. */
import { strict as assert } from 'node:assert';
import { request, release, grantedOf, lastOf, renew, SHORT, TTL, type Suite } from './world.js';

export function keyContract({ describe, test }: Suite): void {
  describe('a key', () => {
    test('is granted when free, with safe fences, as many as requested at the most', async (world) => {
      const a = world.guest();
      const granted = grantedOf(await request(a, 'k', { fences: 3 }));
      assert.ok(Number.isSafeInteger(granted.fence) && granted.fence > 0);
      assert.ok(granted.drawn >= 1 && granted.drawn <= 3);
    });

    test('is busy while held, names the holder and the time left, and a busy request leaves no trace', async (world) => {
      const [a, b] = [world.guest(), world.guest()];
      const held = a.token();
      grantedOf(await request(a, 'k', { token: held }));
      const { acquire: answer } = await request(b, 'k');
      assert.ok(answer?.state === 'busy');
      assert.equal(answer.holder, held);
      assert.ok(answer.remaining > TTL / 2 && answer.remaining <= TTL, String(answer.remaining));
      assert.equal((await release(a, 'k', held)).released, true);
      await world.elapse(10);
      grantedOf(await request(a, 'k'));
    });

    test('is given back by its owner only', async (world) => {
      const [a, b] = [world.guest(), world.guest()];
      const held = a.token();
      grantedOf(await request(a, 'k', { token: held }));
      assert.equal((await release(b, 'k', b.token())).released, false);
      assert.equal((await request(b, 'k')).acquire?.state, 'busy');
      assert.equal((await release(a, 'k', held)).released, true);
      assert.equal((await release(a, 'k', held)).released, false);
      grantedOf(await request(b, 'k'));
    });

    test('is free again when its lease ends, and the former owner can neither renew nor release it', async (world) => {
      const [a, b] = [world.guest(), world.guest()];
      const stale = a.token();
      grantedOf(await request(a, 'k', { token: stale, ttl: SHORT }));
      await world.elapse(SHORT + 20);
      const fresh = b.token();
      grantedOf(await request(b, 'k', { token: fresh }));
      assert.deepEqual(await renew(a, 'k', stale), { held: false, fence: 0 });
      assert.equal((await release(a, 'k', stale)).released, false);
      assert.equal((await renew(b, 'k', fresh)).held, true);
    });

    test('is granted anew to a repeated request of its owner, with higher fences', async (world) => {
      const a = world.guest();
      const token = a.token();
      const first = grantedOf(await request(a, 'k', { token, fences: 2 }));
      const second = grantedOf(await request(a, 'k', { token }));
      assert.ok(second.fence > lastOf(first));
    });

    test('goes to one of many that request at once', async (world) => {
      const guests = [world.guest(), world.guest()];
      const requests = Array.from({ length: 40 }, (_, i) => request(guests[i % 2], 'k'));
      const states = (await Promise.all(requests)).map((reply) => reply.acquire?.state);
      assert.equal(states.filter((state) => state === 'granted').length, 1);
      assert.equal(states.filter((state) => state === 'busy').length, 39);
    });

    test('has any name, and is apart from every other', async (world) => {
      const a = world.guest();
      const names = [
        'k',
        'K',
        'k ',
        ' ',
        '{k}',
        '}{',
        'k}x',
        '{}x',
        'ключ',
        '🔒',
        'a:b:c',
        '*',
        'a\nb',
        '%00',
      ];
      for (const name of names) grantedOf(await request(a, name));
      for (const name of names) assert.equal((await request(a, name)).acquire?.state, 'busy', name);
    });
  });

  describe('a renewal', () => {
    test('makes the remaining time at least its ttl and never shortens it', async (world) => {
      const [a, b] = [world.guest(), world.guest()];
      const token = a.token();
      grantedOf(await request(a, 'k', { token, ttl: SHORT }));
      assert.equal((await renew(a, 'k', token, { ttl: TTL })).held, true);
      assert.equal((await renew(a, 'k', token, { ttl: 1 })).held, true);
      await world.elapse(SHORT + 20);
      assert.equal((await request(b, 'k')).acquire?.state, 'busy');
    });

    test('draws as many fences as requested at the most, above all before', async (world) => {
      const a = world.guest();
      const token = a.token();
      const granted = grantedOf(await request(a, 'k', { token, fences: 5 }));
      assert.equal((await renew(a, 'k', token, { fences: 0 })).fence, 0);
      const more = await renew(a, 'k', token, { fences: 7 });
      const drawn = more.drawn ?? 7;
      assert.ok(drawn >= 1 && drawn <= 7);
      assert.ok(more.fence > lastOf(granted));
      const last = grantedOf(await request(a, 'other'));
      assert.ok(last.fence > lastOf({ ...more, drawn }));
    });

    test('of a key that is free, or was never requested, is refused', async (world) => {
      const a = world.guest();
      assert.equal((await renew(a, 'k', a.token())).held, false);
    });
  });

  describe('fences', () => {
    test('increase over keys and sessions that share a counter', async (world) => {
      const guests = [world.guest(), world.guest()];
      let last = 0;
      for (let i = 0; i < 50; i += 1) {
        const guest = guests[i % 2];
        const holds = (i % 3) + 1;
        const token = guest.token();
        const granted = grantedOf(await request(guest, '{k}' + (i % 5), { fences: holds, token }));
        assert.ok(granted.fence > last);
        last = lastOf(granted);
        await release(guest, '{k}' + (i % 5), token);
      }
      assert.equal(guests[0]?.session.fenceDomainOf('{k}0'), guests[1]?.session.fenceDomainOf('{k}4'));
    });
  });

  describe('a minimum hold', () => {
    test('keeps the key busy for its time and frees it then', async (world) => {
      const [a, b] = [world.guest(), world.guest()];
      const token = a.token();
      grantedOf(await request(a, 'k', { token, ttl: 2 * SHORT }));
      const reply = await a.session.exchange({ key: 'k', release: { token, releaseAfter: SHORT } });
      assert.equal(reply.released, true);
      assert.equal((await request(b, 'k')).acquire?.state, 'busy');
      await world.elapse(SHORT + 20);
      grantedOf(await request(b, 'k'));
    });

    test('may be longer than what was left of the lease', async (world) => {
      const [a, b] = [world.guest(), world.guest()];
      const token = a.token();
      grantedOf(await request(a, 'k', { token, ttl: SHORT }));
      await a.session.exchange({ key: 'k', release: { token, releaseAfter: TTL } });
      await world.elapse(SHORT + 20);
      assert.equal((await request(b, 'k')).acquire?.state, 'busy');
    });
  });
}
