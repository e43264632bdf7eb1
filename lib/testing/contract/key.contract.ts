/** The contract of one key and its exclusive owner: grant, renewal, release and fences. */
import { strict as assert } from 'node:assert';
import { request, release, grantedOf, lastOf, renew, SHORT, TTL, type Suite } from './world.js';

export function keyContract({ describe, test }: Suite): void {
  describe('a key', () => {
    test('is granted when it is free, with at most the requested number of fences, which are safe integers', async (world) => {
      const a = world.participant();
      const granted = grantedOf(await request(a, 'k', { fences: 3 }));
      assert.ok(Number.isSafeInteger(granted.fence) && granted.fence > 0);
      assert.ok(granted.drawn >= 1 && granted.drawn <= 3);
    });

    test('is busy while it is held: the reply has the holder and the time left, and the request leaves no trace', async (world) => {
      const [a, b] = [world.participant(), world.participant()];
      const held = a.token();
      grantedOf(await request(a, 'k', { token: held }));
      const { acquire: reply } = await request(b, 'k');
      assert.ok(reply?.state === 'busy');
      assert.equal(reply.holder, held);
      assert.ok(reply.remaining > TTL / 2 && reply.remaining <= TTL, String(reply.remaining));
      assert.equal((await release(a, 'k', held)).released, true);
      await world.elapse(10);
      grantedOf(await request(a, 'k'));
    });

    test('is released by its owner only', async (world) => {
      const [a, b] = [world.participant(), world.participant()];
      const held = a.token();
      grantedOf(await request(a, 'k', { token: held }));
      assert.equal((await release(b, 'k', b.token())).released, false);
      assert.equal((await request(b, 'k')).acquire?.state, 'busy');
      assert.equal((await release(a, 'k', held)).released, true);
      assert.equal((await release(a, 'k', held)).released, false);
      grantedOf(await request(b, 'k'));
    });

    test('is free again when its lease ends, and the former owner can neither renew nor release it', async (world) => {
      const [a, b] = [world.participant(), world.participant()];
      const former = a.token();
      grantedOf(await request(a, 'k', { token: former, ttl: SHORT }));
      await world.elapse(SHORT + 20);
      const current = b.token();
      grantedOf(await request(b, 'k', { token: current }));
      assert.deepEqual(await renew(a, 'k', former), { held: false, fence: 0 });
      assert.equal((await release(a, 'k', former)).released, false);
      assert.equal((await renew(b, 'k', current)).held, true);
    });

    test('is granted anew to a repeated request of its owner, with higher fences', async (world) => {
      const a = world.participant();
      const token = a.token();
      const first = grantedOf(await request(a, 'k', { token, fences: 2 }));
      const second = grantedOf(await request(a, 'k', { token }));
      assert.ok(second.fence > lastOf(first));
    });

    test('is granted to one of many requests that arrive at once', async (world) => {
      const participants = [world.participant(), world.participant()];
      const requests = Array.from({ length: 40 }, (_, i) => request(participants[i % 2], 'k'));
      const states = (await Promise.all(requests)).map((reply) => reply.acquire?.state);
      assert.equal(states.filter((state) => state === 'granted').length, 1);
      assert.equal(states.filter((state) => state === 'busy').length, 39);
    });

    test('may have any name, and is separate from every other key', async (world) => {
      const a = world.participant();
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
    test('makes the remaining time at least its ttl and never shortens the time', async (world) => {
      const [a, b] = [world.participant(), world.participant()];
      const token = a.token();
      grantedOf(await request(a, 'k', { token, ttl: SHORT }));
      assert.equal((await renew(a, 'k', token, { ttl: TTL })).held, true);
      assert.equal((await renew(a, 'k', token, { ttl: 1 })).held, true);
      await world.elapse(SHORT + 20);
      assert.equal((await request(b, 'k')).acquire?.state, 'busy');
    });

    test('draws at most the requested number of fences, above all earlier fences', async (world) => {
      const a = world.participant();
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

    test('is refused for a key that is free or was never requested', async (world) => {
      const a = world.participant();
      assert.equal((await renew(a, 'k', a.token())).held, false);
    });
  });

  describe('fences', () => {
    test('increase over the keys and sessions of one fence domain', async (world) => {
      const participants = [world.participant(), world.participant()];
      let last = 0;
      for (let i = 0; i < 50; i += 1) {
        const participant = participants[i % 2];
        const count = (i % 3) + 1;
        const token = participant.token();
        const granted = grantedOf(await request(participant, '{k}' + (i % 5), { fences: count, token }));
        assert.ok(granted.fence > last);
        last = lastOf(granted);
        await release(participant, '{k}' + (i % 5), token);
      }
      assert.equal(
        participants[0]?.session.fenceDomainOf('{k}0'),
        participants[1]?.session.fenceDomainOf('{k}4'),
      );
    });
  });

  describe('a minimum hold', () => {
    test('keeps the key busy until its time is over', async (world) => {
      const [a, b] = [world.participant(), world.participant()];
      const token = a.token();
      grantedOf(await request(a, 'k', { token, ttl: 2 * SHORT }));
      const reply = await a.session.exchange({ key: 'k', release: { token, releaseAfter: SHORT } });
      assert.equal(reply.released, true);
      assert.equal((await request(b, 'k')).acquire?.state, 'busy');
      await world.elapse(SHORT + 20);
      grantedOf(await request(b, 'k'));
    });

    test('may be longer than the rest of the lease', async (world) => {
      const [a, b] = [world.participant(), world.participant()];
      const token = a.token();
      grantedOf(await request(a, 'k', { token, ttl: SHORT }));
      await a.session.exchange({ key: 'k', release: { token, releaseAfter: TTL } });
      await world.elapse(SHORT + 20);
      assert.equal((await request(b, 'k')).acquire?.state, 'busy');
    });
  });
}
